/// Sums over the tokens of a micro-batch, hᵀ · panel, in one operand format.
///
/// An implementation packs the states of a micro-batch, rounds or packs the panels if it needs
/// that, multiplies, and folds the sums into those of other micro-batches. The bits of a sum depend
/// on the operands, the format and the implementation alone.
protocol PanelProducts: Sendable {
    /// The size of a micro-batch's packed states in words of four bytes.
    func words(states: Int, units: Int) -> Int

    /// Packs the states of a micro-batch.
    ///
    /// - Parameters:
    ///   - hidden: [states][units].
    ///   - packed: room for `words(states:units:)` words.
    func packStates(_ hidden: UnsafePointer<Float>, states: Int, units: Int, to packed: UnsafeMutableRawPointer)

    /// What parts of hᵀ's rows, which different workers multiply, are multiples of; nil if a product must have all of them.
    var rowStep: Int? { get }

    /// The words of packed states before a unit's, which is a multiple of `rowStep`.
    func words(before unit: Int, states: Int) -> Int

    /// Prepares a panel for its products, in place; called once, before the first of them.
    func preparePanel(_ panel: UnsafeMutableBufferPointer<Float>)

    /// Makes a product of hᵀ[units, states] with panels of [states][width], for one worker.
    ///
    /// - Parameters:
    ///   - states: the states that are read.
    ///   - stored: the states that were packed, of which the first `states` are read.
    /// - Throws: `DTrainError` with `internal` when the implementation fails or memory runs out.
    func product(units: Int, width: Int, states: Int, of stored: Int) throws -> any PanelProduct
}

/// A product of packed states with panels of one shape, for one worker.
protocol PanelProduct: AnyObject {
    /// Computes hᵀ · panel, adds the sums' addends and stores the result where the sums say.
    ///
    /// - Parameters:
    ///   - states: a micro-batch's packed states.
    ///   - panel: [states][width] of a prepared panel; `TapePanel.behind` floats behind it are
    ///     readable.
    func callAsFunction(
        _ states: UnsafeRawPointer, _ panel: UnsafePointer<Float>, _ sums: FoldDestination)
}
