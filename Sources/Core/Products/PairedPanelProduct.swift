import CKernels

/// The product hᵀ · panel of bf16 operands.
///
/// It first packs the panel as pairs of tokens, which rounds it and brings it into the worker's
/// cache.
final class PairedPanelProduct: PanelProduct {
    /// A CKernels function that multiplies packed states by a packed panel and folds the sums.
    typealias Loops =
        @convention(c) (
            _ units: Int64, _ width: Int64, _ depth: Int64, _ states: UnsafeRawPointer?, _ stored: Int64,
            _ panel: UnsafeRawPointer?, UnsafePointer<dtrain_fold>?
        ) -> Void

    private let units: Int
    private let width: Int
    private let states: Int
    private let stored: Int
    private let loops: Loops
    private let packed: AlignedBuffer<UInt32>

    /// Prepares a product.
    ///
    /// - Parameter loops: the CKernels function that multiplies.
    /// - Throws: `DTrainError` with `internal` if memory runs out.
    init(units: Int, width: Int, states: Int, stored: Int, loops: @escaping Loops) throws {
        (self.units, self.width, self.states, self.stored) = (units, width, states, stored)
        self.loops = loops
        packed = try AlignedBuffer(count: BlockPacking.words(columns: width, steps: states.groups(of: 2)))
    }

    func callAsFunction(_ states: UnsafeRawPointer, _ panel: UnsafePointer<Float>, _ sums: FoldDestination) {
        dtrain_pack_bf16_pairs(Int64(self.states), Int64(width), panel, Int64(width), packed.pointer)
        sums.withFold {
            loops(Int64(units), Int64(width), Int64(self.states), states, Int64(stored), packed.pointer, $0)
        }
    }
}
