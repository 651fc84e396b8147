import CKernels
import Glibc
import Testing

@testable import DTrainCore

/// The gate kernels against the formulas in Double; their backward passes against central differences of those.
@Suite struct RecurrentKernelTests {
    /// A row at token 2 of 5, in records whose columns are cut into panels.
    struct Case: Sendable, CustomTestStringConvertible {
        let units: Int
        let tokens = 5
        let token = 2

        var testDescription: String { "H=\(units)" }

        func record(_ values: AlignedBuffer<Float>?) -> dtrain_record {
            dtrain_record(
                values: values?.pointer, rows: Int64(tokens), row: Int64(token), units: Int64(units),
                hidden: values.map { $0.pointer + states },
                cell: values.map { $0.pointer + states + units })
        }

        var all: dtrain_units { dtrain_units(first: 0, end: Int64(units)) }

        /// Where the states are kept, behind the gates.
        private var states: Int { 4 * tokens * units }

        /// Room for the gates of all tokens, a state and a cell.
        func makeValues() throws -> AlignedBuffer<Float> {
            let values = try AlignedBuffer<Float>(count: states + 2 * units)
            values.elements.update(repeating: 9)
            return values
        }

        /// A group's values of the row, taken out of its panels.
        func group(_ group: Int, _ values: AlignedBuffer<Float>) -> [Double] {
            (0..<units).map { unit in
                let first = unit / Panels.widest * Panels.widest
                let width = min(Panels.widest, units - first)
                return Double(values[group * tokens * units + tokens * first + token * width + unit - first])
            }
        }
    }

    static let cases = [1, 7, 128, 130, 300].map(Case.init(units:))

    private func doubles(_ values: some Sequence<Float>) -> [Double] { values.map(Double.init) }

    /// The largest difference; infinite where the lengths differ.
    private func distance(_ a: [Double], _ b: [Double]) -> Double {
        a.count == b.count ? zip(a, b).map { abs($0 - $1) }.max() ?? 0 : .infinity
    }

    /// The slopes of a function of vectors whose j-th result depends on the j-th elements alone.
    private func slopes(_ inputs: [[Double]], by input: Int, _ function: ([[Double]]) -> [Double]) -> [Double] {
        let step = 1e-5
        func moved(_ distance: Double) -> [Double] {
            var moved = inputs
            moved[input] = moved[input].map { $0 + distance }
            return function(moved)
        }
        return zip(moved(step), moved(-step)).map { ($0 - $1) / (2 * step) }
    }

    /// h' from xz, xr, xh, gz, gr, gh, h and the biases of all six.
    private func gru(_ v: [[Double]], _ bias: [Double]) -> [Double] {
        let units = v[6].count
        return (0..<units).map { j in
            func input(_ gate: Int) -> Double { v[gate][j] + bias[gate * units + j] }
            let z = logistic(input(0) + input(3))
            let candidate = tanh(input(2) + logistic(input(1) + input(4)) * input(5))
            return z * v[6][j] + (1 - z) * candidate
        }
    }

    private func split(_ values: [Float], _ units: Int) -> [[Double]] {
        stride(from: 0, to: values.count, by: units).map { doubles(values[$0..<$0 + units]) }
    }

    @Test(arguments: cases)
    func gruForwardIsKerass(_ test: Case) throws {
        let units = test.units
        let (x, g) = (testNumbers(3 * units, limit: 4, salt: 1), testNumbers(3 * units, limit: 4, salt: 2))
        let (bias, h) = (testNumbers(6 * units, salt: 3), testNumbers(units, salt: 4))
        let expected = gru(split(x + g + h, units), doubles(bias))
        let values = try test.makeValues()
        let (recorded, plain) = (try buffer(h), try buffer(h))
        dtrain_gru_forward(test.record(values), test.all, x, g, bias, recorded.pointer)
        dtrain_gru_forward(test.record(nil), test.all, x, g, bias, plain.pointer)
        #expect(distance(doubles(recorded.elements), expected) < 1e-6)
        #expect(bits(plain.elements) == bits(recorded.elements))
        // Other tokens' places are left alone.
        #expect(values.elements.count { $0 != 9 } == 5 * units)
        #expect(bits(values.elements.suffix(2 * units).prefix(units)) == bits(plain.elements))
    }

    @Test(arguments: cases)
    func gruBackwardIsTheSlopeOfForward(_ test: Case) throws {
        let units = test.units
        let (x, g) = (testNumbers(3 * units, limit: 2, salt: 1), testNumbers(3 * units, limit: 2, salt: 2))
        let (bias, h) = (testNumbers(6 * units, salt: 3), testNumbers(units, salt: 4))
        let dh = testNumbers(units, salt: 5)
        let values = try test.makeValues()
        let (state, after) = (try buffer(dh), try buffer(h))
        let (dg, dx) = (try AlignedBuffer<Float>(count: 3 * units), try AlignedBuffer<Float>(count: 3 * units))
        dtrain_gru_forward(test.record(values), test.all, x, g, bias, after.pointer)
        dtrain_gru_backward(test.record(values), h, state.pointer, dg.pointer, dx.pointer)
        let inputs = split(x + g + h, units)
        let found = split(Array(dx.elements) + Array(dg.elements) + Array(state.elements), units)
        for input in 0..<6 {
            let slopes = slopes(inputs, by: input) { gru($0, doubles(bias)) }
            #expect(distance(found[input], zip(slopes, dh).map { $0 * Double($1) }) < 1e-6, "input \(input)")
        }
        // Only the part that goes straight to the old state, d · z: the kernel gets h by the recurrent product too.
        let straight = slopes(inputs, by: 6) { gru($0, doubles(bias)) }
        #expect(distance(found[6], zip(straight, dh).map { $0 * Double($1) }) < 1e-6)
        for (group, gradient) in [3, 4, 5, 2].enumerated() { #expect(test.group(group, values) == found[gradient]) }
    }

    /// h' and c' from xi, xf, xc, xo, gi, gf, gc, go, c and the biases.
    private func lstm(_ v: [[Double]], _ bias: [Double]) -> (h: [Double], c: [Double]) {
        let units = v[8].count
        func sum(_ gate: Int, _ j: Int) -> Double { v[gate][j] + v[4 + gate][j] + bias[gate * units + j] }
        let c = (0..<units).map { j in
            logistic(sum(1, j)) * v[8][j] + logistic(sum(0, j)) * tanh(sum(2, j))
        }
        return ((0..<units).map { logistic(sum(3, $0)) * tanh(c[$0]) }, c)
    }

    @Test(arguments: cases)
    func lstmForwardIsKerass(_ test: Case) throws {
        let units = test.units
        let (x, g) = (testNumbers(4 * units, limit: 4, salt: 1), testNumbers(4 * units, limit: 4, salt: 2))
        let (bias, c) = (testNumbers(4 * units, salt: 3), testNumbers(units, salt: 4))
        let expected = lstm(split(x + g + c, units), doubles(bias))
        let values = try test.makeValues()
        var results: [[UInt32]] = []
        for record in [test.record(values), test.record(nil)] {
            let (state, cell) = (try AlignedBuffer<Float>(count: units), try buffer(c))
            dtrain_lstm_forward(record, test.all, x, g, bias, state.pointer, cell.pointer)
            #expect(distance(doubles(state.elements), expected.h) < 1e-6)
            #expect(distance(doubles(cell.elements), expected.c) < 1e-6)
            results.append(bits(state.elements) + bits(cell.elements))
        }
        #expect(results[0] == results[1])
        #expect(values.elements.count { $0 != 9 } == 6 * units)
        #expect(bits(values.elements.suffix(2 * units)) == results[0])
    }

    @Test(arguments: cases)
    func lstmBackwardIsTheSlopeOfForward(_ test: Case) throws {
        let units = test.units
        let (x, g) = (testNumbers(4 * units, limit: 2, salt: 1), testNumbers(4 * units, limit: 2, salt: 2))
        let (bias, before) = (testNumbers(4 * units, salt: 3), testNumbers(units, salt: 4))
        let (dh, dc) = (testNumbers(units, salt: 5), testNumbers(units, salt: 6))
        let values = try test.makeValues()
        let (hidden, after) = (try AlignedBuffer<Float>(count: units), try buffer(before))
        let (state, cell, dg) = (try buffer(dh), try buffer(dc), try AlignedBuffer<Float>(count: 4 * units))
        dtrain_lstm_forward(test.record(values), test.all, x, g, bias, hidden.pointer, after.pointer)
        dtrain_lstm_backward(test.record(values), before, after.pointer, state.pointer, cell.pointer, dg.pointer)
        let inputs = split(x + g + before, units)
        let found = split(Array(dg.elements) + Array(cell.elements), units)
        for gradient in 0..<5 {
            // Σ dh · h' + dc · c', whose slope by each element is what the kernel is to find.
            let expected = slopes(inputs, by: 4 + gradient) { inputs in
                let (h, c) = lstm(inputs, doubles(bias))
                return (0..<units).map { Double(dh[$0]) * h[$0] + Double(dc[$0]) * c[$0] }
            }
            #expect(distance(found[gradient], expected) < 1e-6, "gradient \(gradient)")
        }
        #expect(state.elements.allSatisfy { $0 == 0 })
        for group in 0..<4 { #expect(test.group(group, values) == found[group]) }
    }

    @Test func gatesSaturateWithoutNaN() throws {
        let huge: [Float] = [-1e30, -1000, -100, 100, 1000, 1e30]
        let units = huge.count
        let h = try buffer([Float](repeating: 0.5, count: units))
        let zeros = [Float](repeating: 0, count: 6 * units)
        // z and the candidate saturate alike: h' is the candidate −1 where z is 0 and the old state where z is 1.
        let row = Case(units: units)
        dtrain_gru_forward(
            row.record(nil), row.all, huge + zeros.prefix(units) + huge, zeros, zeros, h.pointer)
        #expect(zip(h.elements, [-1, -1, -1, 0.5, 0.5, 0.5] as [Float]).allSatisfy { abs($0 - $1) < 1e-6 })
    }
}
