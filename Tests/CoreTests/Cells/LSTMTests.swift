import Glibc
import Testing

@testable import DTrainCore

/// The LSTM's loops: forward against Keras's formulas in Double, backward against their central
/// differences.
@Suite struct LSTMTests {
    /// h' and c' from xi, xf, xc, xo, gi, gf, gc, go, c and the biases.
    private func lstm(_ v: [[Double]], _ bias: [Double]) -> (h: [Double], c: [Double]) {
        let units = v[8].count
        func sum(_ gate: Int, _ j: Int) -> Double { v[gate][j] + v[4 + gate][j] + bias[gate * units + j] }
        let c = (0..<units).map { j in
            logistic(sum(1, j)) * v[8][j] + logistic(sum(0, j)) * tanh(sum(2, j))
        }
        return ((0..<units).map { logistic(sum(3, $0)) * tanh(c[$0]) }, c)
    }

    @Test(arguments: CellCase.all(.lstm))
    func forwardMatchesKeras(_ test: CellCase) throws {
        let units = test.units
        let (x, g) = (testNumbers(4 * units, limit: 4, salt: 1), testNumbers(4 * units, limit: 4, salt: 2))
        let (bias, c) = (testNumbers(4 * units, salt: 3), testNumbers(units, salt: 4))
        let expected = lstm(split(x + g + c, units), doubles(bias))
        let values = try test.makeValues()
        var results: [[UInt32]] = []
        for record in [values, nil] {
            let (state, memory) = (try AlignedBuffer<Float>(count: units), try buffer(c))
            test.forward(input: x, recurrent: g, bias: bias, hidden: state, memory: memory, recordedIn: record)
            #expect(distance(doubles(state.elements), expected.h) < 1e-6)
            #expect(distance(doubles(memory.elements), expected.c) < 1e-6)
            results.append(bits(state.elements) + bits(memory.elements))
        }
        #expect(results[0] == results[1])
        #expect(values.elements.count { $0 != 9 } == 6 * units)
        #expect(bits(test.states(values)) == results[0])
    }

    @Test(arguments: CellCase.all(.lstm))
    func backwardMatchesCentralDifferences(_ test: CellCase) throws {
        let units = test.units
        let (x, g) = (testNumbers(4 * units, limit: 2, salt: 1), testNumbers(4 * units, limit: 2, salt: 2))
        let (bias, before) = (testNumbers(4 * units, salt: 3), testNumbers(units, salt: 4))
        let (dh, dc) = (testNumbers(units, salt: 5), testNumbers(units, salt: 6))
        let values = try test.makeValues()
        let (hidden, after) = (try AlignedBuffer<Float>(count: units), try buffer(before))
        let (state, memory, dg) = (try buffer(dh), try buffer(dc), try AlignedBuffer<Float>(count: 4 * units))
        test.forward(input: x, recurrent: g, bias: bias, hidden: hidden, memory: after, recordedIn: values)
        test.backward(
            before: ([], before), gradients: (state, memory), recurrent: dg, input: nil, recordedIn: values)
        let inputs = split(x + g + before, units)
        let found = split(Array(dg.elements) + Array(memory.elements), units)
        for gradient in 0..<5 {
            // The derivative of Σ dh · h' + dc · c' by each element.
            let expected = derivatives(inputs, by: 4 + gradient) { inputs in
                let (h, c) = lstm(inputs, doubles(bias))
                return (0..<units).map { Double(dh[$0]) * h[$0] + Double(dc[$0]) * c[$0] }
            }
            #expect(distance(found[gradient], expected) < 1e-6, "gradient \(gradient)")
        }
        #expect(state.elements.allSatisfy { $0 == 0 })
        for group in 0..<4 { #expect(test.group(group, values) == found[group]) }
    }
}
