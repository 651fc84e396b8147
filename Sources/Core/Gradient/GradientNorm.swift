import CKernels

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
