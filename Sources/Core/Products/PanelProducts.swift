/// Sums over the tokens of a micro-batch, hᵀ · panel, in one operand format.
///
/// An implementation packs the states of a micro-batch, rounds or packs the panels if needed,
/// multiplies, and folds the sums into those of other micro-batches. The bits of a sum depend only
/// on the operands, the format and the implementation.
protocol PanelProducts: Sendable {
    /// Returns the size of a micro-batch's packed states in words of four bytes.
    func words(states: Int, units: Int) -> Int

    /// Packs the states of a micro-batch.
    ///
    /// - Parameters:
    ///   - hidden: [states][units].
    ///   - packed: memory for `words(states:units:)` words.
    func packStates(_ hidden: UnsafePointer<Float>, states: Int, units: Int, to packed: UnsafeMutableRawPointer)

    /// The unit in which hᵀ's rows can be divided among workers; nil if one worker must multiply
    /// all rows.
    var rowStep: Int? { get }

    /// Returns the words of packed states before those of a unit, which is a multiple of `rowStep`.
    func words(before unit: Int, states: Int) -> Int

    /// Prepares a panel for its products in place; called once, before the first product.
    func preparePanel(_ panel: UnsafeMutableBufferPointer<Float>)

    /// Prepares a product of hᵀ[units, states] with panels of [states][width], for one worker.
    ///
    /// - Parameters:
    ///   - states: the number of states to read.
    ///   - stored: the number of packed states, at least `states`.
    /// - Throws: `DTrainError` with `internal` if the implementation fails or memory runs out.
    func product(units: Int, width: Int, states: Int, of stored: Int) throws -> any PanelProduct
}

/// A product of packed states with panels of one shape, for one worker.
protocol PanelProduct: AnyObject {
    /// Computes hᵀ · panel, adds the addends of `sums` and stores the result at its `out`.
    ///
    /// - Parameters:
    ///   - states: a micro-batch's packed states.
    ///   - panel: [states][width] of a prepared panel, followed by `TapePanel.padding` readable
    ///     floats.
    func callAsFunction(
        _ states: UnsafeRawPointer, _ panel: UnsafePointer<Float>, _ sums: FoldDestination)
}
