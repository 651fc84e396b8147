import CKernels
import Testing

@testable import DTrainCore

/// A test case of a cell's loops: one row at token 2 of 5.
///
/// The columns of its record are split into panels.
struct CellCase: Sendable, CustomTestStringConvertible {
    let cell: Cell
    let units: Int
    let tokens = 5
    let token = 2

    var testDescription: String { "\(cell) H=\(units)" }

    /// Cases with less than one panel of units, one panel, and several.
    static func all(_ cell: Cell) -> [CellCase] { [1, 7, 128, 130, 300].map { CellCase(cell: cell, units: $0) } }

    /// The token's record in `values`.
    func record(_ values: AlignedBuffer<Float>) -> dtrain_record {
        dtrain_record(
            values: values.pointer, rows: Int64(tokens), row: Int64(token), hidden: values.pointer + states,
            memory: values.pointer + states + units)
    }

    /// The offset of the states, which follow the groups.
    private var states: Int { cell.recordGroups * tokens * units }

    /// Allocates the groups of all tokens, a state and a memory.
    func makeValues() throws -> AlignedBuffer<Float> {
        let values = try AlignedBuffer<Float>(count: states + 2 * units)
        values.elements.update(repeating: 9)
        return values
    }

    /// The record's state, then its memory.
    func states(_ values: AlignedBuffer<Float>) -> [Float] { Array(values.elements.suffix(2 * units)) }

    /// The row's values of a group, gathered from its panels.
    func group(_ group: Int, _ values: AlignedBuffer<Float>) -> [Double] {
        (0..<units).map { unit in
            let first = unit / Panels.maxWidth * Panels.maxWidth
            let width = min(Panels.maxWidth, units - first)
            return Double(values[group * tokens * units + tokens * first + token * width + unit - first])
        }
    }

    /// Two ranges of units, computed in separate calls as by two members of a team.
    ///
    /// The results must not depend on the division.
    private var parts: [Range<Int>] { [0..<units / 3, units / 3..<units] }

    /// Runs the forward loop over all units.
    ///
    /// - Parameters:
    ///   - input: x · W.
    ///   - recurrent: h · U.
    ///   - hidden: h, replaced by h'.
    ///   - memory: the second state, also replaced.
    ///   - values: receives the record; nil for none.
    func forward(
        input: [Float], recurrent: [Float], bias: [Float], hidden: AlignedBuffer<Float>,
        memory: AlignedBuffer<Float>? = nil, recordedIn values: AlignedBuffer<Float>? = nil
    ) {
        let before = Array(hidden.elements)
        for part in parts {
            var row = dtrain_forward_row()
            (row.units, row.first, row.end) = (Int64(units), Int64(part.lowerBound), Int64(part.upperBound))
            (row.hidden, row.memory) = (hidden.pointer, memory?.pointer)
            row.record = values.map(record) ?? dtrain_record()
            withUnsafe(input, recurrent, bias, before) {
                (row.input, row.recurrent, row.bias, row.hidden_before) = ($0, $1, $2, $3)
                cell.forward(&row)
            }
        }
    }

    /// Runs the backward loop.
    ///
    /// - Parameters:
    ///   - before: the state before the token, and the memory.
    ///   - gradients: of the new state, and of the new memory; replaced in place.
    ///   - recurrent: receives the gradient of h · U.
    ///   - input: receives the gradient of x · W.
    func backward(
        before: (hidden: [Float], memory: [Float]),
        gradients: (hidden: AlignedBuffer<Float>, memory: AlignedBuffer<Float>?), recurrent: AlignedBuffer<Float>,
        input: AlignedBuffer<Float>?, recordedIn values: AlignedBuffer<Float>
    ) {
        for part in parts {
            var row = dtrain_backward_row()
            (row.units, row.first, row.end) = (Int64(units), Int64(part.lowerBound), Int64(part.upperBound))
            (row.hidden_gradient, row.memory_gradient) = (gradients.hidden.pointer, gradients.memory?.pointer)
            (row.recurrent_gradient, row.input_gradient) = (recurrent.pointer, input?.pointer)
            row.record = record(values)
            withUnsafe(before.hidden, before.memory, [], []) { hidden, memory, _, _ in
                (row.hidden_before, row.memory_before) = (hidden, memory)
                cell.backward(&row)
            }
        }
    }

    /// Calls `body` with the addresses of four vectors.
    private func withUnsafe(
        _ a: [Float], _ b: [Float], _ c: [Float], _ d: [Float],
        _ body: (UnsafePointer<Float>?, UnsafePointer<Float>?, UnsafePointer<Float>?, UnsafePointer<Float>?) -> Void
    ) {
        a.withUnsafeBufferPointer { a in
            b.withUnsafeBufferPointer { b in
                c.withUnsafeBufferPointer { c in
                    d.withUnsafeBufferPointer { body(a.baseAddress, b.baseAddress, c.baseAddress, $0.baseAddress) }
                }
            }
        }
    }
}

func doubles(_ values: some Sequence<Float>) -> [Double] { values.map(Double.init) }

/// The largest absolute difference; infinite where the lengths differ.
func distance(_ a: [Double], _ b: [Double]) -> Double {
    a.count == b.count ? zip(a, b).map { abs($0 - $1) }.max() ?? 0 : .infinity
}

/// The derivatives of an elementwise function of vectors, by central differences.
func derivatives(_ inputs: [[Double]], by input: Int, _ function: ([[Double]]) -> [Double]) -> [Double] {
    let step = 1e-5
    func moved(_ distance: Double) -> [Double] {
        var moved = inputs
        moved[input] = moved[input].map { $0 + distance }
        return function(moved)
    }
    return zip(moved(step), moved(-step)).map { ($0 - $1) / (2 * step) }
}

/// Splits values into consecutive vectors of `units` elements.
func split(_ values: [Float], _ units: Int) -> [[Double]] {
    stride(from: 0, to: values.count, by: units).map { doubles(values[$0..<$0 + units]) }
}
