import Glibc
import Testing

@testable import DTrainCore

/// The GRU's loops: forward against Keras's formulas in Double, backward against their central
/// differences.
@Suite struct GRUTests {
    /// h' from xz, xr, xh, gz, gr, gh, h and the six biases.
    private func gru(_ v: [[Double]], _ bias: [Double]) -> [Double] {
        let units = v[6].count
        return (0..<units).map { j in
            func input(_ gate: Int) -> Double { v[gate][j] + bias[gate * units + j] }
            let z = logistic(input(0) + input(3))
            let candidate = tanh(input(2) + logistic(input(1) + input(4)) * input(5))
            return z * v[6][j] + (1 - z) * candidate
        }
    }

    @Test(arguments: CellCase.all(.gru))
    func forwardMatchesKeras(_ test: CellCase) throws {
        let units = test.units
        let (x, g) = (testNumbers(3 * units, limit: 4, salt: 1), testNumbers(3 * units, limit: 4, salt: 2))
        let (bias, h) = (testNumbers(6 * units, salt: 3), testNumbers(units, salt: 4))
        let expected = gru(split(x + g + h, units), doubles(bias))
        let values = try test.makeValues()
        let (recorded, plain) = (try buffer(h), try buffer(h))
        test.forward(input: x, recurrent: g, bias: bias, hidden: recorded, recordedIn: values)
        test.forward(input: x, recurrent: g, bias: bias, hidden: plain)
        #expect(distance(doubles(recorded.elements), expected) < 1e-6)
        #expect(bits(plain.elements) == bits(recorded.elements))
        // Other tokens' values are unchanged.
        #expect(values.elements.count { $0 != 9 } == 5 * units)
        #expect(bits(test.states(values).prefix(units)) == bits(plain.elements))
    }

    @Test(arguments: CellCase.all(.gru))
    func backwardMatchesCentralDifferences(_ test: CellCase) throws {
        let units = test.units
        let (x, g) = (testNumbers(3 * units, limit: 2, salt: 1), testNumbers(3 * units, limit: 2, salt: 2))
        let (bias, h) = (testNumbers(6 * units, salt: 3), testNumbers(units, salt: 4))
        let dh = testNumbers(units, salt: 5)
        let values = try test.makeValues()
        let (state, after) = (try buffer(dh), try buffer(h))
        let (dg, dx) = (try AlignedBuffer<Float>(count: 3 * units), try AlignedBuffer<Float>(count: 3 * units))
        test.forward(input: x, recurrent: g, bias: bias, hidden: after, recordedIn: values)
        test.backward(before: (h, []), gradients: (state, nil), recurrent: dg, input: dx, recordedIn: values)
        let inputs = split(x + g + h, units)
        let found = split(Array(dx.elements) + Array(dg.elements) + Array(state.elements), units)
        for input in 0..<6 {
            let derivatives = derivatives(inputs, by: input) { gru($0, doubles(bias)) }
            #expect(distance(found[input], zip(derivatives, dh).map { $0 * Double($1) }) < 1e-6, "input \(input)")
        }
        // Only the direct part, d · z; the rest reaches the old state through the recurrent product.
        let direct = derivatives(inputs, by: 6) { gru($0, doubles(bias)) }
        #expect(distance(found[6], zip(direct, dh).map { $0 * Double($1) }) < 1e-6)
        for (group, gradient) in [3, 4, 5, 2].enumerated() { #expect(test.group(group, values) == found[gradient]) }
    }

    @Test func gatesSaturateWithoutNaN() throws {
        let huge: [Float] = [-1e30, -1000, -100, 100, 1000, 1e30]
        let units = huge.count
        let h = try buffer([Float](repeating: 0.5, count: units))
        let zeros = [Float](repeating: 0, count: 6 * units)
        // z and the candidate saturate together: h' is the candidate −1 where z is 0, and the old
        // state where z is 1.
        CellCase(cell: .gru, units: units).forward(
            input: huge + zeros.prefix(units) + huge, recurrent: zeros, bias: zeros, hidden: h)
        #expect(zip(h.elements, [-1, -1, -1, 0.5, 0.5, 0.5] as [Float]).allSatisfy { abs($0 - $1) < 1e-6 })
    }
}
