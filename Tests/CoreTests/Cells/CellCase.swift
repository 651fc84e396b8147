import CKernels
import Testing

@testable import DTrainCore

/// A row at token 2 of 5 for a cell's loops, in a record whose columns are cut into panels.
struct CellCase: Sendable, CustomTestStringConvertible {
    let cell: Cell
    let units: Int
    let tokens = 5
    let token = 2

    var testDescription: String { "\(cell) H=\(units)" }

    /// Sizes of less than a panel, one panel, and several.
    static func all(_ cell: Cell) -> [CellCase] { [1, 7, 128, 130, 300].map { CellCase(cell: cell, units: $0) } }

    /// The token's record in `values`.
    func record(_ values: AlignedBuffer<Float>) -> dtrain_record {
        dtrain_record(
            values: values.pointer, rows: Int64(tokens), row: Int64(token), hidden: values.pointer + states,
            memory: values.pointer + states + units)
    }

    /// Where the states are kept, behind the groups.
    private var states: Int { cell.recordGroups * tokens * units }

    /// Room for the groups of all tokens, a state and a memory.
    func makeValues() throws -> AlignedBuffer<Float> {
        let values = try AlignedBuffer<Float>(count: states + 2 * units)
        values.elements.update(repeating: 9)
        return values
    }

    /// The state that the record keeps, then the memory.
    func states(_ values: AlignedBuffer<Float>) -> [Float] { Array(values.elements.suffix(2 * units)) }

    /// A group's values of the row, taken out of its panels.
    func group(_ group: Int, _ values: AlignedBuffer<Float>) -> [Double] {
        (0..<units).map { unit in
            let first = unit / Panels.widest * Panels.widest
            let width = min(Panels.widest, units - first)
            return Double(values[group * tokens * units + tokens * first + token * width + unit - first])
        }
    }

    /// Runs the forward loop over all units in place.
    ///
    /// - Parameters:
    ///   - input: x · W.
    ///   - recurrent: h · U.
    ///   - hidden: h, replaced by h'.
    ///   - memory: the second state, likewise.
    ///   - values: keeps the record, nil for none.
    func forward(
        input: [Float], recurrent: [Float], bias: [Float], hidden: AlignedBuffer<Float>,
        memory: AlignedBuffer<Float>? = nil, recordedIn values: AlignedBuffer<Float>? = nil
    ) {
        input.withUnsafeBufferPointer { input in
            recurrent.withUnsafeBufferPointer { recurrent in
                bias.withUnsafeBufferPointer { bias in
                    var row = dtrain_forward_row(
                        units: Int64(units), first: 0, end: Int64(units), input: input.baseAddress,
                        recurrent: recurrent.baseAddress, bias: bias.baseAddress, hidden: hidden.pointer,
                        memory: memory?.pointer, record: values.map(record) ?? dtrain_record())
                    cell.forward(&row)
                }
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
        before.hidden.withUnsafeBufferPointer { hidden in
            before.memory.withUnsafeBufferPointer { memory in
                var row = dtrain_backward_row(
                    units: Int64(units), hidden_before: hidden.baseAddress, memory_before: memory.baseAddress,
                    hidden_gradient: gradients.hidden.pointer, memory_gradient: gradients.memory?.pointer,
                    recurrent_gradient: recurrent.pointer, input_gradient: input?.pointer, record: record(values))
                cell.backward(&row)
            }
        }
    }
}

func doubles(_ values: some Sequence<Float>) -> [Double] { values.map(Double.init) }

/// The largest difference; infinite where the lengths differ.
func distance(_ a: [Double], _ b: [Double]) -> Double {
    a.count == b.count ? zip(a, b).map { abs($0 - $1) }.max() ?? 0 : .infinity
}

/// The slopes of a function of vectors whose j-th result depends on the j-th elements alone, by central differences.
func slopes(_ inputs: [[Double]], by input: Int, _ function: ([[Double]]) -> [Double]) -> [Double] {
    let step = 1e-5
    func moved(_ distance: Double) -> [Double] {
        var moved = inputs
        moved[input] = moved[input].map { $0 + distance }
        return function(moved)
    }
    return zip(moved(step), moved(-step)).map { ($0 - $1) / (2 * step) }
}

/// Vectors of `units` elements that follow each other.
func split(_ values: [Float], _ units: Int) -> [[Double]] {
    stride(from: 0, to: values.count, by: units).map { doubles(values[$0..<$0 + units]) }
}
