#if arch(x86_64)
    import CKernels

    /// Products of bf16 operands with AVX512_BF16; a step of the depth is a pair.
    struct BF16Products: ProductImplementation, WeightProducts, PanelProducts {
        let format = OperandFormat.bf16

        static func weightProducts(_ format: OperandFormat) -> (any WeightProducts)? { products(format) }

        static func panelProducts(_ format: OperandFormat) -> (any PanelProducts)? { products(format) }

        private static func products(_ format: OperandFormat) -> BF16Products? {
            format == .bf16 ? BF16Products() : nil
        }

        var columnStep: Int { BlockPacking.columnStep }

        func packing(depth: Int, columns: Int, source: PackedMatrix.Source) -> any WeightPacking {
            BlockPacking(
                pairsOf: depth, columns: columns, source: source, rowBytes: depth * format.bytes,
                loops: dtrain_packed_product_bf16)
        }

        func words(states: Int, units: Int) -> Int {
            states.groups(of: 2) * units.groups(of: DTRAIN_STATE_GROUP) * DTRAIN_STATE_GROUP
        }

        func packStates(
            _ hidden: UnsafePointer<Float>, states: Int, units: Int, to packed: UnsafeMutableRawPointer
        ) {
            let pairs = packed.bindMemory(to: UInt32.self, capacity: words(states: states, units: units))
            dtrain_pack_states_bf16_pairs(Int64(states), Int64(units), hidden, pairs)
        }

        func preparePanel(_ panel: UnsafeMutableBufferPointer<Float>) {}

        func product(units: Int, width: Int, states: Int, of stored: Int) throws -> any PanelProduct {
            try BF16PanelProduct(units: units, width: width, states: states, stored: stored)
        }
    }

    /// hᵀ · panel; packs the panel first, which rounds it and leaves it in the worker's cache.
    private final class BF16PanelProduct: PanelProduct {
        private let units: Int
        private let width: Int
        private let states: Int
        private let stored: Int
        private let packed: AlignedBuffer<UInt32>

        init(units: Int, width: Int, states: Int, stored: Int) throws {
            (self.units, self.width, self.states, self.stored) = (units, width, states, stored)
            packed = try AlignedBuffer(
                count: BlockPacking.words(columns: width, steps: states.groups(of: 2)))
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
