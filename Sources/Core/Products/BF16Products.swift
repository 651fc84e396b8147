#if arch(x86_64)
    import CKernels

    /// Products of bf16 operands with AVX512_BF16; each step along the depth takes a pair of
    /// elements.
    struct BF16Products: ProductImplementation, WeightProducts, PanelProducts {
        let format = OperandFormat.bf16

        static func weightProducts(_ format: OperandFormat) -> (any WeightProducts)? { products(format) }

        static func panelProducts(_ format: OperandFormat) -> (any PanelProducts)? { products(format) }

        private static func products(_ format: OperandFormat) -> BF16Products? {
            format == .bf16 ? BF16Products() : nil
        }

        func packing(depth: Int, columns: Int, source: PackedMatrix.Source) -> any WeightPacking {
            BlockPacking(
                pairsOf: depth, columns: columns, source: source, rowBytes: format.rowBytes(depth: depth),
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

        var rowStep: Int? { DTRAIN_STATE_GROUP }

        func words(before unit: Int, states: Int) -> Int { unit * states.groups(of: 2) }

        func preparePanel(_ panel: UnsafeMutableBufferPointer<Float>) {}

        func product(units: Int, width: Int, states: Int, of stored: Int) throws -> any PanelProduct {
            try PairedPanelProduct(
                units: units, width: width, states: states, stored: stored, loops: dtrain_panel_product_bf16)
        }
    }
#endif
