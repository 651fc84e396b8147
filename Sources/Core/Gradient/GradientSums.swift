/// A step's gradient: sums over micro-batches, in wire order, and the two tensors whose gradients follow from them.
///
/// First the sums are those of this rank's nodes of the reduction tree, laid out as `blocks`
/// describes. The sum over all ranks then replaces them, from the front.
package final class GradientSums: @unchecked Sendable {
    /// Where each number belongs in the flat gradient.
    let layout: GradientLayout
    /// How the sums lie, and how they travel between ranks.
    package let blocks: GradientBlocks
    /// The tasks that compute the sums, in wire order.
    let tasks: [PlacedTask]
    /// The number of the rank's nodes.
    let nodeCount: Int
    /// The nodes' sums as `blocks` lays them out; at the end of a step the sum over all ranks in wire order.
    ///
    /// Of the table's rows only those of characters that occur are defined, unless the sums travel.
    package let sums: AlignedBuffer<Float>
    /// The gradients of the embedding and of the first kernel, which come first in the parameters' layout.
    let inputs: AlignedBuffer<Float>

    /// Allocates a gradient of zeros.
    ///
    /// - Parameters:
    ///   - parameters: the layout of the parameters.
    ///   - tableRows: the most characters of a batch.
    ///   - ranks: the number of ranks that share the summation.
    ///   - nodeCount: the number of this rank's nodes.
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    init(_ parameters: ParameterLayout, tableRows: Int, ranks: Int, nodeCount: Int) throws {
        let layout = GradientLayout(parameters, tableRows: tableRows)
        var builder = GradientBlocks.Builder(ranks: ranks)
        tasks = PanelTask.all(layout).map { PlacedTask(task: $0, segment: builder.append($0.matrices)) }
        blocks = builder.finish(lossOffset: layout.loss)
        self.layout = layout
        self.nodeCount = nodeCount
        sums = try AlignedBuffer(count: max(1, nodeCount) * blocks.count, behind: TapePanel.behind)
        inputs = try AlignedBuffer(count: layout.summed.lowerBound)
    }

    /// Whether sums are added up with others after they are stored, in which case every element of them counts.
    var travel: Bool { blocks.ranks > 1 || nodeCount > 1 }

    /// The step's mean loss over the whole batch, once the sum over all ranks is complete.
    var loss: Float { sums[blocks.loss] }

    /// Stores a segment of one of this rank's nodes.
    func store(_ values: UnsafePointer<Float>, _ segment: GradientBlocks.Segment, node: Int) {
        blocks.store(values, segment, node: node, of: nodeCount, to: sums.pointer)
    }

    /// Names the parts of this rank's own nodes that aren't finite, before the sum over all ranks; nil if all are finite.
    ///
    /// - Parameter tableRows: the number of characters that occur.
    func nonFiniteInNodes(tableRows: Int) -> String? {
        var flat = [Float](repeating: 0, count: layout.count)
        for node in 0..<nodeCount {
            blocks.unpack(blocks.wireOrder(node: node, of: nodeCount, from: sums.pointer), to: &flat)
            if let name = layout.nonFinite(in: flat, tableRows: tableRows) { return name }
        }
        return nil
    }

    /// Copies a tensor's gradient, row-major, once the gradient is complete.
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
