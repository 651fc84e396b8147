import CKernels

/// hᵀ · panel for panels of one shape, for one worker.
///
/// A float32 panel is an operand as it is, and so is a rounded one. For bf16 it is packed first, which rounds it too; what comes out
/// stays in the worker's cache. Where the CPU allows, a loop of CKernels computes the product and adds it up, for
/// float32 oneDNN elsewhere.
struct PanelProduct {
    private enum Method {
        case vectors
        case packedVectors(AlignedBuffer<UInt32>)
        case library(MatrixProduct)
    }

    private let method: Method
    private let units: Int
    private let width: Int
    private let states: Int
    private let stored: Int

    /// A product of [units, states] with [states, width], where `stored` states are stored, of which it reads the first.
    init(units: Int, width: Int, states: Int, of stored: Int, format: OperandFormat) throws {
        (self.units, self.width, self.states, self.stored) = (units, width, states, stored)
        switch format {
        case .bf16:
            method = .packedVectors(try AlignedBuffer(count: (width + 63) / 64 * ((states + 31) / 32) * 1024))
        case _ where format.hasVectorProducts:
            method = .vectors
        case .fp32, .roundedFP32, .expandedBF16:
            method = .library(
                try MatrixProduct(
                    rows: units, columns: width, depth: max(states, 1), a: .rows(stride: stored),
                    b: .rows(stride: width)))
        }
    }

    /// Computes hᵀ · panel, adds it to the addends of `sums`, and puts it into their place.
    ///
    /// - Parameter panel: [states][width]; for rounded float32 it must be rounded.
    func callAsFunction(_ hidden: UnsafeRawPointer, _ panel: UnsafePointer<Float>, _ sums: FoldDestination) throws {
        switch method {
        case .library(let product):
            if states > 0 {
                try product(hidden, panel, sums.scratch)
            } else {
                sums.scratch.update(repeating: 0, count: units * width)
            }
            sums.fold(rows: units, width: width)
        case .vectors:
            #if arch(x86_64)
                sums.withFold {
                    dtrain_panel_product_fp32(
                        Int64(units), Int64(width), Int64(states), hidden, Int64(stored), panel, Int64(width), $0)
                }
            #endif
        case .packedVectors(let packed):
            #if arch(x86_64)
                dtrain_pack_bf16_pairs(Int64(states), Int64(width), panel, packed.pointer)
                sums.withFold {
                    dtrain_panel_product_bf16(
                        Int64(units), Int64(width), Int64(states), hidden, Int64(stored), packed.pointer, $0)
                }
            #endif
        }
    }
}
