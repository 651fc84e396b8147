import CKernels

/// The Euclidean norm of the gradient over all trained parameters, and the clipping of its
/// elements.
///
/// The squares are summed within pieces of a fixed size and then piece after piece. So the bits
/// don't depend on which thread computes which piece.
final class GradientNorm: @unchecked Sendable {
    private struct Piece {
        let values: UnsafeMutablePointer<Float>
        let count: Int
    }

    /// Keeps the pieces' memory alive.
    private let gradient: GradientSums
    private let pieces: [Piece]
    /// The sum of the squares of each piece.
    private let squares: AlignedBuffer<Double>

    /// The most elements of a piece.
    private static let pieceSize = 1 << 16

    /// Divides a gradient into pieces.
    ///
    /// - Parameters:
    ///   - gradient: the gradient of the whole batch.
    ///   - frozen: the indices in the layout of the tensors that aren't trained.
    /// - Throws: `DTrainError` with `internal` if memory runs out.
    init(_ gradient: GradientSums, frozen: Set<Int> = []) throws {
        func pieces(of range: Range<Int>, in buffer: AlignedBuffer<Float>) -> [Piece] {
            stride(from: range.lowerBound, to: range.upperBound, by: Self.pieceSize).map {
                Piece(values: buffer.pointer + $0, count: min(range.upperBound - $0, Self.pieceSize))
            }
        }
        self.gradient = gradient
        let trained = Self.trainedRanges(gradient.layout.parameters, frozen)
        self.pieces =
            trained.map { $0.clamped(to: 0..<gradient.inputs.count) }.filter { !$0.isEmpty }
            .flatMap { pieces(of: $0, in: gradient.inputs) }
            + Self.sumRanges(gradient, trained).flatMap { pieces(of: $0, in: gradient.sums) }
        squares = try AlignedBuffer(count: self.pieces.count)
    }

    /// The number of pieces.
    var count: Int { pieces.count }

    /// Sums the squares of one piece; pieces may run on different threads.
    func run(piece index: Int) {
        let piece = pieces[index]
        squares.pointer[index] = dtrain_squared_norm(Int64(piece.count), piece.values)
    }

    /// Multiplies one piece's elements by `scale` and limits them to [−limit, limit]; pieces may
    /// run on different threads.
    func clip(piece index: Int, scale: Float, limit: Float) {
        let piece = pieces[index]
        dtrain_clip(Int64(piece.count), scale, limit, piece.values)
    }

    /// The norm, after all pieces are summed; finite if and only if all trained elements are
    /// finite.
    var value: Double { squares.elements.reduce(0, +).squareRoot() }

    /// Returns the trained parameters, adjacent ranges joined.
    private static func trainedRanges(_ layout: ParameterLayout, _ frozen: Set<Int>) -> [Range<Int>] {
        joined(
            layout.tensors.indices.filter { !frozen.contains($0) }.map {
                layout.tensors[$0].offset..<layout.tensors[$0].offset + layout.tensors[$0].count
            })
    }

    /// Returns the sums of trained parameters in wire order, without the table and the loss;
    /// adjacent ranges joined.
    private static func sumRanges(_ gradient: GradientSums, _ trained: [Range<Int>]) -> [Range<Int>] {
        joined(
            gradient.blocks.places.filter { place in trained.contains { $0.contains(place.matrix.offset) } }
                .map(\.elements))
    }

    private static func joined(_ ranges: [Range<Int>]) -> [Range<Int>] {
        var joined: [Range<Int>] = []
        for range in ranges {
            if let last = joined.last, last.upperBound == range.lowerBound {
                joined[joined.count - 1] = last.lowerBound..<range.upperBound
            } else {
                joined.append(range)
            }
        }
        return joined
    }
}
