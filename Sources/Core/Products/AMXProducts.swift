import CKernels

#if arch(x86_64)
    /// Products of bf16 tiles with AMX.
    enum AMXProducts: ProductImplementation {
        static func weightProducts(_ format: OperandFormat) -> (any WeightProducts)? { products(format) }

        static func panelProducts(_ format: OperandFormat) -> (any PanelProducts)? { products(format) }

        private static func products(_ format: OperandFormat) -> TileProducts? {
            format == .bf16Tiles ? TileProducts(unit: .amx) : nil
        }
    }
#endif

/// Products of bf16 tiles with an emulation of AMX, slow but bit-identical on any CPU.
enum EmulatedAMXProducts: ProductImplementation {
    static func weightProducts(_ format: OperandFormat) -> (any WeightProducts)? { products(format) }

    static func panelProducts(_ format: OperandFormat) -> (any PanelProducts)? { products(format) }

    private static func products(_ format: OperandFormat) -> TileProducts? {
        format == .bf16Tiles ? TileProducts(unit: .emulated) : nil
    }
}

/// Products of bf16 operands in tiles; each step along the depth takes a pair of elements.
///
/// A is stored in tiles of 16 rows × 32 depth elements, B in the same column blocks as for the
/// other bf16 products.
struct TileProducts: WeightProducts, PanelProducts {
    /// The unit that multiplies tiles.
    enum Unit: Sendable {
        #if arch(x86_64)
            case amx
        #endif
        case emulated
    }

    let unit: Unit
    let format = OperandFormat.bf16Tiles

    func packing(depth: Int, columns: Int, source: PackedMatrix.Source) -> any WeightPacking {
        BlockPacking(
            pairsOf: depth, columns: columns, source: source, rowBytes: format.rowBytes(depth: depth),
            loops: unit.weightLoops)
    }

    func words(states: Int, units: Int) -> Int {
        // hᵀ: each row of a tile is a unit.
        format.bytes(rows: units, depth: states) / MemoryLayout<UInt32>.stride
    }

    func packStates(_ hidden: UnsafePointer<Float>, states: Int, units: Int, to packed: UnsafeMutableRawPointer) {
        let pairs = packed.bindMemory(to: UInt32.self, capacity: words(states: states, units: units))
        dtrain_pack_states_bf16_tiles(Int64(states), Int64(units), hidden, pairs)
    }

    var rowStep: Int? { 2 * DTRAIN_TILE_ROWS }

    func words(before unit: Int, states: Int) -> Int { words(states: states, units: unit) }

    func preparePanel(_ panel: UnsafeMutableBufferPointer<Float>) {}

    func product(units: Int, width: Int, states: Int, of stored: Int) throws -> any PanelProduct {
        try PairedPanelProduct(units: units, width: width, states: states, stored: stored, loops: unit.panelLoops)
    }
}

extension TileProducts.Unit {
    fileprivate var weightLoops: BlockProduct.Loops {
        switch self {
        #if arch(x86_64)
            case .amx: dtrain_packed_product_amx
        #endif
        case .emulated: dtrain_packed_product_amx_emulated
        }
    }

    fileprivate var panelLoops: PairedPanelProduct.Loops {
        switch self {
        #if arch(x86_64)
            case .amx: dtrain_panel_product_amx
        #endif
        case .emulated: dtrain_panel_product_amx_emulated
        }
    }
}
