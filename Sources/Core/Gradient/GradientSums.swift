/// A step's gradient: sums over micro-batches, in wire order, and the two tensors whose gradients follow from them.
///
/// First the sums are those of this rank's nodes of the reduction tree, laid out as `blocks` tells; then somebody adds up all ranks'
/// nodes, and the result takes the place of the first.
package final class GradientSums: @unchecked Sendable {
    /// Where each number belongs.
    let layout: GradientLayout
    /// How the sums lie, and how they travel between ranks.
    package let blocks: GradientBlocks
    /// The rank's nodes.
    let nodeCount: Int
    /// The nodes' sums as `blocks` lays them out; in the end the whole step's sum in wire order, at the front.
    package let sums: AlignedBuffer<Float>
    /// The gradients of the embedding and of the first kernel, which come first in the parameters' layout.
    let inputs: AlignedBuffer<Float>

    /// Allocates a gradient of zeros.
    ///
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    init(_ layout: GradientLayout, blocks: GradientBlocks, nodeCount: Int) throws {
        self.layout = layout
        self.blocks = blocks
        self.nodeCount = nodeCount
        sums = try AlignedBuffer(count: max(1, nodeCount) * blocks.count)
        inputs = try AlignedBuffer(count: layout.summed.lowerBound)
    }

    /// The step's mean loss over the whole batch, when all nodes are added up.
    var loss: Float { sums[blocks.loss] }

    /// What of this rank's own nodes is not finite, before they are added to the others'; nil when all is.
    package func nonFiniteInNodes() -> String? {
        var flat = [Float](repeating: 0, count: layout.count)
        for node in 0..<nodeCount {
            blocks.unpack(blocks.wireOrder(node: node, of: nodeCount, from: sums.pointer), to: &flat)
            if let name = layout.nonFinite(in: flat) { return name }
        }
        return nil
    }
}
