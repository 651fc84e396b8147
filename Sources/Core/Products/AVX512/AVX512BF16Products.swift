#if arch(x86_64)
    import CKernels

    /// Products of bf16 operands with AVX512_BF16, and of bf16 weights with rounded float32 rows.
    ///
    /// Weights are pairs of bf16 either way: a step of the depth is a pair.
    struct AVX512BF16Products: ProductImplementation, WeightProducts, PanelProducts {
        let format: OperandFormat

        static func weightProducts(_ format: OperandFormat) -> (any WeightProducts)? {
            switch format {
            case .bf16, .expandedBF16: AVX512BF16Products(format: format)
            case .fp32, .roundedFP32: nil
            }
        }

        static func panelProducts(_ format: OperandFormat) -> (any PanelProducts)? {
            format == .bf16 ? AVX512BF16Products(format: format) : nil
        }

        var columnStep: Int? { AVX512Packing.columnStep }

        func steadyRows(_ rows: Int) -> Int { rows }

        func packing(depth: Int, columns: Int, source: PackedMatrix.Source) -> any WeightPacking {
            AVX512Packing(
                depth: depth, columns: columns, steps: depth.groups(of: 2),
                rowBytes: depth * format.bytes,
                loops: format == .bf16 ? dtrain_packed_product_bf16 : dtrain_packed_product_expanded
            ) { weights, packed, words in
                let pairs = packed.bindMemory(to: UInt32.self, capacity: words)
                switch source {
                case .rows: dtrain_pack_bf16_pairs(Int64(depth), Int64(columns), weights, pairs)
                case .transposed: dtrain_pack_transposed_bf16_pairs(Int64(depth), Int64(columns), weights, pairs)
                }
            }
        }

        func words(states: Int, units: Int) -> Int {
            states.groups(of: 2) * units.groups(of: DTRAIN_TILE_ROWS) * DTRAIN_TILE_ROWS
        }

        func packStates(
            _ hidden: UnsafePointer<Float>, states: Int, units: Int, to packed: UnsafeMutableRawPointer
        ) {
            let pairs = packed.bindMemory(to: UInt32.self, capacity: words(states: states, units: units))
            dtrain_pack_states_bf16_pairs(Int64(states), Int64(units), hidden, pairs)
        }

        func preparePanel(_ panel: UnsafeMutableBufferPointer<Float>) {}

        func product(units: Int, width: Int, states: Int, of stored: Int) throws -> any PanelProduct {
            try AVX512BF16PanelProduct(units: units, width: width, states: states, stored: stored)
        }
    }

    /// hᵀ · panel; packs the panel first, which rounds it and leaves it in the worker's cache.
    private final class AVX512BF16PanelProduct: PanelProduct {
        private let units: Int
        private let width: Int
        private let states: Int
        private let stored: Int
        private let packed: AlignedBuffer<UInt32>

        init(units: Int, width: Int, states: Int, stored: Int) throws {
            (self.units, self.width, self.states, self.stored) = (units, width, states, stored)
            packed = try AlignedBuffer(
                count: AVX512Packing.words(columns: width, steps: states.groups(of: 2)))
        }

        func callAsFunction(_ states: UnsafeRawPointer, _ panel: UnsafePointer<Float>, _ sums: FoldDestination) {
            dtrain_pack_bf16_pairs(Int64(self.states), Int64(width), panel, packed.pointer)
            sums.withFold {
                dtrain_panel_product_bf16(
                    Int64(units), Int64(width), Int64(self.states), states, Int64(stored), packed.pointer, $0)
            }
        }
    }
#endif
