#if arch(x86_64)
    import CKernels

    /// Products of float32 operands, plain or rounded to bf16, with AVX-512.
    ///
    /// Every sum runs in the order of the depth, one fused multiply-add a step.
    struct AVX512Products: ProductImplementation, WeightProducts, PanelProducts {
        let format: OperandFormat

        static func weightProducts(_ format: OperandFormat) -> (any WeightProducts)? { products(format) }

        static func panelProducts(_ format: OperandFormat) -> (any PanelProducts)? { products(format) }

        private static func products(_ format: OperandFormat) -> AVX512Products? {
            switch format {
            case .fp32, .roundedFP32: AVX512Products(format: format)
            case .bf16, .expandedBF16: nil
            }
        }

        var columnStep: Int? { AVX512Packing.columnStep }

        func steadyRows(_ rows: Int) -> Int { rows }

        func packing(depth: Int, columns: Int, source: PackedMatrix.Source) -> any WeightPacking {
            AVX512Packing(
                depth: depth, columns: columns, steps: depth, rowBytes: depth * format.bytes,
                loops: dtrain_packed_product_fp32
            ) { weights, packed, words in
                let floats = packed.bindMemory(to: Float.self, capacity: words)
                switch source {
                case .rows: dtrain_pack(Int64(depth), Int64(columns), weights, floats)
                case .transposed: dtrain_pack_transposed(Int64(depth), Int64(columns), weights, floats)
                }
                round(floats, count: words)
            }
        }

        func words(states: Int, units: Int) -> Int {
            states * units.groups(of: DTRAIN_TILE_ROWS) * DTRAIN_TILE_ROWS
        }

        func packStates(
            _ hidden: UnsafePointer<Float>, states: Int, units: Int, to packed: UnsafeMutableRawPointer
        ) {
            let words = words(states: states, units: units)
            let floats = packed.bindMemory(to: Float.self, capacity: words)
            dtrain_pack_states(Int64(states), Int64(units), hidden, floats)
            round(floats, count: words)
        }

        func preparePanel(_ panel: UnsafeMutableBufferPointer<Float>) {
            guard let floats = panel.baseAddress else { return }
            round(floats, count: panel.count)
        }

        func product(units: Int, width: Int, states: Int, of stored: Int) -> any PanelProduct {
            AVX512PanelProduct(units: units, width: width, states: states, stored: stored)
        }

        private func round(_ floats: UnsafeMutablePointer<Float>, count: Int) {
            guard format == .roundedFP32 else { return }
            dtrain_round_to_bf16(Int64(count), floats, floats)
        }
    }

    /// hᵀ · panel, whose sums are folded as they leave the registers.
    private final class AVX512PanelProduct: PanelProduct {
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
#endif
