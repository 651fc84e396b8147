import CKernels

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
    package let sums: AlignedBuffer<Float>
    /// The gradients of the embedding and of the first kernel, which come first in the parameters' layout.
    let inputs: AlignedBuffer<Float>

    /// Allocates a gradient of zeros.
    ///
    /// - Parameters:
    ///   - parameters: the layout of the parameters.
    ///   - ranks: the number of ranks that share the summation.
    ///   - nodeCount: the number of this rank's nodes.
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    init(_ parameters: ParameterLayout, ranks: Int, nodeCount: Int) throws {
        let layout = GradientLayout(parameters)
        var builder = GradientBlocks.Builder(ranks: ranks)
        tasks = PanelTask.all(layout).map { PlacedTask(task: $0, segment: builder.append($0.matrices)) }
        blocks = builder.finish(lossOffset: layout.loss)
        self.layout = layout
        self.nodeCount = nodeCount
        sums = try AlignedBuffer(count: max(1, nodeCount) * blocks.count)
        inputs = try AlignedBuffer(count: layout.summed.lowerBound)
    }

    /// The step's mean loss over the whole batch, once the sum over all ranks is complete.
    var loss: Float { sums[blocks.loss] }

    /// Stores a segment of one of this rank's nodes.
    func store(_ values: UnsafePointer<Float>, _ segment: GradientBlocks.Segment, node: Int) {
        blocks.store(values, segment, node: node, of: nodeCount, to: sums.pointer)
    }

    /// Names the parts of this rank's own nodes that aren't finite, before the sum over all ranks; nil if all are finite.
    package func nonFiniteInNodes() -> String? {
        var flat = [Float](repeating: 0, count: layout.count)
        for node in 0..<nodeCount {
            blocks.unpack(blocks.wireOrder(node: node, of: nodeCount, from: sums.pointer), to: &flat)
            if let name = layout.nonFinite(in: flat) { return name }
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

/// The gradients of the embedding and of the first kernel from the table's: dE = dTable · Wᵀ, dW = Eᵀ · dTable.
final class TableGradient {
    private let gradient: GradientSums
    /// [V, G·H].
    private let table: AlignedBuffer<Float>
    /// The table's column panels among the sums.
    private let panels: [GradientBlocks.Place]
    private let embeddingProduct: PlainProduct
    private let kernelProduct: PlainProduct

    /// Prepares for a gradient.
    ///
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    init(_ gradient: GradientSums) throws {
        let layout = gradient.layout
        let configuration = layout.parameters.configuration
        let (vocabulary, embedding) = (configuration.vocabularySize, configuration.embeddingDim)
        let columns = configuration.cell.gates * configuration.rnnUnits
        self.gradient = gradient
        table = try AlignedBuffer(count: layout.table.count)
        panels = gradient.blocks.places.filter { layout.table.contains($0.matrix.offset) }
        embeddingProduct = try PlainProduct(
            rows: vocabulary, columns: embedding, depth: columns, b: .transposed())
        kernelProduct = try PlainProduct(
            rows: embedding, columns: columns, depth: vocabulary, isTransposed: true)
    }

    /// The number of panels.
    var panelCount: Int { panels.count }

    /// Copies a panel to its place in the table; all panels precede the first product.
    func gather(panel: Int) {
        let place = panels[panel]
        place.unpack(
            gradient.sums.pointer, to: table.pointer + (place.matrix.offset - gradient.layout.table.lowerBound))
    }

    /// The two products, which may run on different threads.
    enum Product: Int, CaseIterable {
        case embeddings, kernel
    }

    /// Computes one of the two gradients at the weights of the step.
    func run(_ product: Product, parameters: UnsafePointer<Float>) {
        let layout = gradient.layout.parameters
        let (embeddings, kernel) = (layout.embeddings, layout.recurrent[0].kernel)
        switch product {
        case .embeddings:
            embeddingProduct(table.pointer, parameters + kernel, gradient.inputs.pointer + embeddings)
        case .kernel:
            kernelProduct(parameters + embeddings, table.pointer, gradient.inputs.pointer + kernel)
        }
    }
}

/// The Euclidean norm of the gradient over all parameters, and the clipping of its elements.
///
/// The squares are summed in pieces of a fixed size and then piece after piece, so the bits depend
/// on the gradient alone and not on which thread computes which piece.
final class GradientNorm: @unchecked Sendable {
    private struct Piece {
        let values: UnsafeMutablePointer<Float>
        let count: Int
    }

    /// Owns the pieces' memory.
    private let gradient: GradientSums
    private let pieces: [Piece]
    /// The sum of the squares of each piece.
    private let squares: AlignedBuffer<Double>

    /// The most elements of a piece.
    private static let pieceSize = 1 << 16

    /// Prepares for a gradient.
    ///
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    init(_ gradient: GradientSums) throws {
        func pieces(of range: Range<Int>, in buffer: AlignedBuffer<Float>) -> [Piece] {
            stride(from: range.lowerBound, to: range.upperBound, by: Self.pieceSize).map {
                Piece(values: buffer.pointer + $0, count: min(range.upperBound - $0, Self.pieceSize))
            }
        }
        self.gradient = gradient
        self.pieces =
            pieces(of: 0..<gradient.inputs.count, in: gradient.inputs)
            + Self.parameterRanges(gradient).flatMap { pieces(of: $0, in: gradient.sums) }
        squares = try AlignedBuffer(count: self.pieces.count)
    }

    /// The number of pieces.
    var count: Int { pieces.count }

    /// Sums the squares of one piece; pieces may run on different threads.
    func run(piece index: Int) {
        let piece = pieces[index]
        squares.pointer[index] = dtrain_squared_norm(Int64(piece.count), piece.values)
    }

    /// Multiplies one piece's elements by `scale` and limits them to [−limit, limit]; pieces may run on different threads.
    func clip(piece index: Int, scale: Float, limit: Float) {
        let piece = pieces[index]
        dtrain_clip(Int64(piece.count), scale, limit, piece.values)
    }

    /// The norm, when all pieces are done; finite exactly when every element is.
    var value: Double { squares.elements.reduce(0, +).squareRoot() }

    /// The parameters' sums in wire order, without those of the table and the loss; neighbours joined.
    private static func parameterRanges(_ gradient: GradientSums) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        for place in gradient.blocks.places where place.matrix.offset < gradient.layout.parameters.count {
            if let last = ranges.last, last.upperBound == place.start {
                ranges[ranges.count - 1] = last.lowerBound..<place.elements.upperBound
            } else {
                ranges.append(place.elements)
            }
        }
        return ranges
    }
}
