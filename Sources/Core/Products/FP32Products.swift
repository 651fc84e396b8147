import CKernels

/// Products in float32: of float32 operands, of operands rounded to bf16, and of bf16 weights
/// expanded to float32.
///
/// Every sum runs in the order of the depth with one fused multiply-add per step, on every
/// instruction set.
struct FP32Products: ProductImplementation, WeightProducts, PanelProducts {
    let format: OperandFormat

    static func weightProducts(_ format: OperandFormat) -> (any WeightProducts)? {
        switch format {
        case .fp32, .roundedFP32, .expandedBF16: FP32Products(format: format)
        case .bf16, .bf16Tiles: nil
        }
    }

    static func panelProducts(_ format: OperandFormat) -> (any PanelProducts)? {
        switch format {
        case .fp32, .roundedFP32: FP32Products(format: format)
        case .bf16, .bf16Tiles, .expandedBF16: nil
        }
    }

    func packing(depth: Int, columns: Int, source: PackedMatrix.Source) -> any WeightPacking {
        guard format != .expandedBF16 else {
            return BlockPacking(
                pairsOf: depth, columns: columns, source: source, rowBytes: format.rowBytes(depth: depth),
                loops: dtrain_packed_product_expanded)
        }
        return BlockPacking(
            depth: depth, columns: columns, steps: depth, source: source, rowBytes: format.rowBytes(depth: depth),
            loops: dtrain_packed_product_fp32
        ) { weights, columns, stride, packed, words in
            let floats = packed.bindMemory(to: Float.self, capacity: words)
            source.pack(weights, depth: depth, columns: columns, stride: stride, to: floats)
            round(floats, count: words)
        }
    }

    func words(states: Int, units: Int) -> Int {
        states * units.groups(of: DTRAIN_STATE_GROUP) * DTRAIN_STATE_GROUP
    }

    func packStates(
        _ hidden: UnsafePointer<Float>, states: Int, units: Int, to packed: UnsafeMutableRawPointer
    ) {
        let words = words(states: states, units: units)
        let floats = packed.bindMemory(to: Float.self, capacity: words)
        dtrain_pack_states(Int64(states), Int64(units), hidden, floats)
        round(floats, count: words)
    }

    /// One worker multiplies all rows if the panel is rounded in place.
    var rowStep: Int? { format == .roundedFP32 ? nil : DTRAIN_STATE_GROUP }

    func words(before unit: Int, states: Int) -> Int { unit * states }

    func preparePanel(_ panel: UnsafeMutableBufferPointer<Float>) {
        guard let floats = panel.baseAddress else { return }
        round(floats, count: panel.count)
    }

    func product(units: Int, width: Int, states: Int, of stored: Int) -> any PanelProduct {
        FP32PanelProduct(units: units, width: width, states: states, stored: stored)
    }

    private func round(_ floats: UnsafeMutablePointer<Float>, count: Int) {
        guard format == .roundedFP32 else { return }
        dtrain_round_to_bf16(Int64(count), floats, floats)
    }
}

/// The product hᵀ · panel, with sums folded as they leave the registers.
private final class FP32PanelProduct: PanelProduct {
    private let units: Int
    private let width: Int
    private let states: Int
    private let stored: Int

    init(units: Int, width: Int, states: Int, stored: Int) {
        (self.units, self.width, self.states, self.stored) = (units, width, states, stored)
    }

    func callAsFunction(_ states: UnsafeRawPointer, _ panel: UnsafePointer<Float>, _ sums: FoldDestination) {
        sums.withFold {
            dtrain_panel_product_fp32(
                Int64(units), Int64(width), Int64(self.states), states, Int64(stored), panel, Int64(width), $0)
        }
    }
}
