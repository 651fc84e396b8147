/// A step's gradient: the sums over micro-batches, in wire order, and the two gradients derived
/// from them.
///
/// At first the sums are those of this rank's nodes of the reduction tree, laid out as `blocks`
/// describes. Then the sum over all ranks replaces them block by block, from the front.
package final class GradientSums: @unchecked Sendable {
    /// The layout of the flat gradient.
    let layout: GradientLayout
    /// The layout of the sums in memory and between ranks.
    package let blocks: GradientBlocks
    /// The tasks that compute the sums, in wire order.
    let tasks: [PlacedTask]
    /// The number of this rank's nodes.
    let nodeCount: Int
    /// The nodes' sums as `blocks` lays them out; at the end of a step, the sum over all ranks in
    /// wire order.
    ///
    /// Table rows of characters that don't occur are undefined, unless `arePartial`.
    package let sums: AlignedBuffer<Float>
    /// The gradients of the embedding and of the first kernel, the first tensors of the parameters'
    /// layout.
    let inputs: AlignedBuffer<Float>

    /// Allocates a gradient of zeros.
    ///
    /// - Parameters:
    ///   - parameters: the layout of the parameters.
    ///   - tableRows: the maximum number of distinct characters in a batch.
    ///   - ranks: the number of ranks that share the summation.
    ///   - nodeCount: the number of this rank's nodes.
    /// - Throws: `DTrainError` with `internal` if memory runs out.
    init(_ parameters: ParameterLayout, tableRows: Int, ranks: Int, nodeCount: Int) throws {
        let layout = GradientLayout(parameters, tableRows: tableRows)
        var builder = GradientBlocks.Builder(ranks: ranks)
        tasks = PanelTask.all(layout).map { PlacedTask(task: $0, segment: builder.append($0.matrices)) }
        blocks = builder.finish(lossOffset: layout.loss)
        self.layout = layout
        self.nodeCount = nodeCount
        sums = try AlignedBuffer(count: max(1, nodeCount) * blocks.count, padding: TapePanel.padding)
        inputs = try AlignedBuffer(count: layout.summed.lowerBound)
    }

    /// Whether the stored sums are partial: other sums are added to them later, so every element
    /// must be defined.
    var arePartial: Bool { blocks.ranks > 1 || nodeCount > 1 }

    /// The step's mean loss over the whole batch, once the sum over all ranks is complete.
    var loss: Float { sums[blocks.loss] }

    /// Stores a segment of one of this rank's nodes.
    func store(_ values: UnsafePointer<Float>, _ segment: GradientBlocks.Segment, node: Int) {
        blocks.store(values, segment, node: node, of: nodeCount, to: sums.pointer)
    }

    /// Describes the sums of this rank's nodes that aren't finite, before the sum over all ranks;
    /// nil if all are finite.
    ///
    /// - Parameter tableRows: the number of table rows in use.
    func nonFiniteInNodes(tableRows: Int) -> String? {
        var flat = [Float](repeating: 0, count: layout.count)
        for node in 0..<nodeCount {
            blocks.unpack(blocks.wireOrder(node: node, of: nodeCount, from: sums.pointer), to: &flat)
            if let name = layout.nonFinite(in: flat, tableRows: tableRows) { return name }
        }
        return nil
    }

    /// Returns a tensor's gradient, row-major; the gradient must be complete.
    func values(of tensor: ParameterLayout.Tensor) -> [Float] {
        let range = tensor.offset..<tensor.offset + tensor.count
        if range.upperBound <= inputs.count { return Array(inputs.elements[range]) }
        var values = [Float](repeating: 0, count: tensor.count)
        values.withUnsafeMutableBufferPointer { values in
            guard let base = values.baseAddress else { return }
            for place in blocks.places where range.contains(place.matrix.offset) {
                place.unpack(sums.pointer, to: base + (place.matrix.offset - tensor.offset))
            }
        }
        return values
    }
}
