import Glibc
import Testing

@testable import DTrainCore

/// The SimpleRNN's loops: forward against Keras's formula in Double, backward against its central
/// differences.
@Suite struct SimpleRNNTests {
    /// h' from x, g and the bias.
    private func simpleRNN(_ v: [[Double]], _ bias: [Double]) -> [Double] {
        bias.indices.map { tanh(v[0][$0] + v[1][$0] + bias[$0]) }
    }

    @Test(arguments: CellCase.all(.simpleRNN))
    func forwardMatchesKeras(_ test: CellCase) throws {
        let units = test.units
        let (x, g) = (testNumbers(units, limit: 2, salt: 1), testNumbers(units, limit: 2, salt: 2))
        let (bias, h) = (testNumbers(units, salt: 3), testNumbers(units, salt: 4))
        let expected = simpleRNN(split(x + g, units), doubles(bias))
        let values = try test.makeValues()
        let (recorded, plain) = (try buffer(h), try buffer(h))
        test.forward(input: x, recurrent: g, bias: bias, hidden: recorded, recordedIn: values)
        test.forward(input: x, recurrent: g, bias: bias, hidden: plain)
        #expect(distance(doubles(recorded.elements), expected) < 1e-6)
        #expect(bits(plain.elements) == bits(recorded.elements))
        // Other tokens' values are unchanged.
        #expect(values.elements.count { $0 != 9 } == 2 * units)
        #expect(bits(test.states(values).prefix(units)) == bits(plain.elements))
    }

    @Test(arguments: CellCase.all(.simpleRNN))
    func backwardMatchesCentralDifferences(_ test: CellCase) throws {
        let units = test.units
        let (x, g) = (testNumbers(units, limit: 2, salt: 1), testNumbers(units, limit: 2, salt: 2))
        let (bias, dh) = (testNumbers(units, salt: 3), testNumbers(units, salt: 5))
        let values = try test.makeValues()
        let (state, after) = (try buffer(dh), try AlignedBuffer<Float>(count: units))
        let da = try AlignedBuffer<Float>(count: units)
        test.forward(input: x, recurrent: g, bias: bias, hidden: after, recordedIn: values)
        test.backward(before: ([], []), gradients: (state, nil), recurrent: da, input: nil, recordedIn: values)
        for input in 0..<2 {
            let derivatives = derivatives(split(x + g, units), by: input) { simpleRNN($0, doubles(bias)) }
            #expect(distance(doubles(da.elements), zip(derivatives, dh).map { $0 * Double($1) }) < 1e-6)
        }
        // The gradient reaches the old state only through the recurrent product.
        #expect(state.elements.allSatisfy { $0 == 0 })
        #expect(test.group(0, values) == doubles(da.elements))
    }
}
