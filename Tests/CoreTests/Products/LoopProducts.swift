@testable import DTrainCore

/// A minimal implementation of products in plain Swift loops, which sum in order of depth.
struct LoopProducts: WeightProducts, PanelProducts {
    let format = OperandFormat.fp32

    func packing(depth: Int, columns: Int, source: PackedMatrix.Source) -> any WeightPacking {
        Packing(depth: depth, columns: columns, source: source)
    }

    func words(states: Int, units: Int) -> Int { states * units }

    func packStates(
        _ hidden: UnsafePointer<Float>, states: Int, units: Int, to packed: UnsafeMutableRawPointer
    ) {
        packed.copyMemory(from: hidden, byteCount: states * units * MemoryLayout<Float>.stride)
    }

    let rowStep: Int? = nil

    func words(before unit: Int, states: Int) -> Int { 0 }

    func preparePanel(_ panel: UnsafeMutableBufferPointer<Float>) {}

    func product(units: Int, width: Int, states: Int, of stored: Int) -> any PanelProduct {
        LoopPanelProduct(units: units, width: width, states: states)
    }

    /// Packs B by rows.
    private struct Packing: WeightPacking {
        let depth: Int
        let columns: Int
        let source: PackedMatrix.Source

        var words: Int { depth * columns }

        func pack(_ weights: UnsafePointer<Float>, columns part: Range<Int>, to packed: UnsafeMutableRawPointer) {
            let b = packed.bindMemory(to: Float.self, capacity: words)
            for k in 0..<depth {
                for j in part {
                    b[k * columns + j] = source == .rows ? weights[k * columns + j] : weights[j * depth + k]
                }
            }
        }

        func product(rows: Int, columns: ColumnGroups?, accumulate: Bool) throws -> any WeightProduct {
            guard columns == nil else { throw DTrainError(.internal, "plain loops compute all columns") }
            return LoopProduct(
                rows: rows, depth: depth, columns: self.columns, stride: self.columns, accumulate: accumulate)
        }

        func product(rows: Int, width: Int) throws -> any WeightProduct {
            LoopProduct(rows: rows, depth: depth, columns: width, stride: columns, accumulate: false)
        }

        func words(before column: Int) -> Int { column }
    }
}

private final class LoopProduct: WeightProduct {
    private let rows: Int
    private let depth: Int
    private let columns: Int
    /// The distance between B's rows in floats.
    private let stride: Int
    private let accumulate: Bool

    init(rows: Int, depth: Int, columns: Int, stride: Int, accumulate: Bool) {
        (self.rows, self.depth, self.columns) = (rows, depth, columns)
        (self.stride, self.accumulate) = (stride, accumulate)
    }

    func callAsFunction(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ c: UnsafeMutablePointer<Float>) {
        let (a, b) = (a.assumingMemoryBound(to: Float.self), b.assumingMemoryBound(to: Float.self))
        for i in 0..<rows {
            for j in 0..<columns {
                var sum = accumulate ? c[i * columns + j] : 0
                for k in 0..<depth { sum.addProduct(a[i * depth + k], b[k * stride + j]) }
                c[i * columns + j] = sum
            }
        }
    }
}

private final class LoopPanelProduct: PanelProduct {
    private let units: Int
    private let width: Int
    private let states: Int

    init(units: Int, width: Int, states: Int) {
        (self.units, self.width, self.states) = (units, width, states)
    }

    func callAsFunction(_ states: UnsafeRawPointer, _ panel: UnsafePointer<Float>, _ sums: FoldDestination) {
        let hidden = states.assumingMemoryBound(to: Float.self)
        for unit in 0..<units {
            for column in 0..<width {
                var sum: Float = 0
                for state in 0..<self.states {
                    sum.addProduct(hidden[state * units + unit], panel[state * width + column])
                }
                sums.scratch[unit * width + column] = sum
            }
        }
        sums.fold(rows: units, width: width)
    }
}
