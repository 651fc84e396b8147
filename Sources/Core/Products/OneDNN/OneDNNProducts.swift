import CKernels

/// Products of float32 operands, plain or rounded to bf16, by oneDNN; for any CPU.
struct OneDNNProducts: ProductImplementation, WeightProducts, PanelProducts {
    let format: OperandFormat

    static func weightProducts(_ format: OperandFormat) -> (any WeightProducts)? { products(format) }

    static func panelProducts(_ format: OperandFormat) -> (any PanelProducts)? { products(format) }

    private static func products(_ format: OperandFormat) -> OneDNNProducts? {
        switch format {
        case .fp32, .roundedFP32: OneDNNProducts(format: format)
        case .bf16, .expandedBF16: nil
        }
    }

    var columnStep: Int? { nil }

    /// The rows that oneDNN's AVX2 kernels take at a time.
    ///
    /// The rest is summed in another order: measured with oneDNN 2.6.3 and 3.2, and checked by
    /// tests.
    private static let kernelRows = 6

    func steadyRows(_ rows: Int) -> Int { rows.groups(of: Self.kernelRows) * Self.kernelRows }

    func packing(depth: Int, columns: Int, source: PackedMatrix.Source) throws -> any WeightPacking {
        let packing = try OneDNNPacking(depth: depth, columns: columns, source: source)
        return format == .roundedFP32 ? RoundedPacking(packing: packing) : packing
    }

    func words(states: Int, units: Int) -> Int { states * units }

    func packStates(
        _ hidden: UnsafePointer<Float>, states: Int, units: Int, to packed: UnsafeMutableRawPointer
    ) {
        let floats = packed.bindMemory(to: Float.self, capacity: states * units)
        dtrain_transpose(Int64(states), Int64(units), hidden, Int64(states), floats)
        preparePanel(UnsafeMutableBufferPointer(start: floats, count: states * units))
    }

    func preparePanel(_ panel: UnsafeMutableBufferPointer<Float>) {
        guard format == .roundedFP32, let floats = panel.baseAddress else { return }
        dtrain_round_to_bf16(Int64(panel.count), floats, floats)
    }

    func product(units: Int, width: Int, states: Int, of stored: Int) throws -> any PanelProduct {
        try OneDNNPanelProduct(units: units, width: width, states: states, stored: stored)
    }
}

/// A packing whose weights are rounded to bf16.
private struct RoundedPacking: WeightPacking {
    let packing: OneDNNPacking

    var words: Int { packing.words }

    func pack(_ weights: UnsafePointer<Float>, to packed: UnsafeMutableRawPointer) throws {
        try packing.pack(weights, to: packed)
        let floats = packed.bindMemory(to: Float.self, capacity: words)
        dtrain_round_to_bf16(Int64(words), floats, floats)
    }

    func product(rows: Int, columns: ColumnGroups?, accumulate: Bool) throws -> any WeightProduct {
        try packing.product(rows: rows, columns: columns, accumulate: accumulate)
    }
}

/// hᵀ · panel into the scratch sums, which are folded afterwards.
private final class OneDNNPanelProduct: PanelProduct {
    /// Nil where there are no states to sum over.
    private let product: OneDNNMatmul?
    private let units: Int
    private let width: Int

    init(units: Int, width: Int, states: Int, stored: Int) throws {
        (self.units, self.width) = (units, width)
        product =
            states == 0
            ? nil
            : try OneDNNMatmul(
                a: .plain(rows: units, columns: states, .rows(stride: stored)),
                b: .plain(rows: states, columns: width, .rows(stride: width)),
                c: .plain(rows: units, columns: width, .rows(stride: width)), accumulate: false)
    }

    func callAsFunction(
        _ states: UnsafeRawPointer, _ panel: UnsafePointer<Float>, _ sums: FoldDestination
    ) throws {
        if let product {
            try product(states, panel, sums.scratch)
        } else {
            sums.scratch.update(repeating: 0, count: units * width)
        }
        sums.fold(rows: units, width: width)
    }
}
