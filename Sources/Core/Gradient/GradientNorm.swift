import CKernels

/// The Euclidean norm of the gradient over all parameters.
///
/// Added up in pieces of a fixed size and then piece after piece, so its bits depend on the gradient alone, not on who
/// computes which piece.
final class GradientNorm: @unchecked Sendable {
    /// Owns what the pieces are of.
    private let gradient: GradientSums
    private let pieces: [UnsafeMutableBufferPointer<Float>]
    private let sums: AlignedBuffer<Double>

    /// The most elements of a piece.
    private static let piece = 1 << 16

    /// Prepares for a gradient.
    init(_ gradient: GradientSums) throws {
        self.gradient = gradient
        let sums = gradient.sums.elements
        let all =
            [gradient.inputs.elements]
            + Self.parameterRanges(gradient).map { UnsafeMutableBufferPointer(rebasing: sums[$0]) }
        pieces = all.flatMap { range in
            stride(from: 0, to: range.count, by: Self.piece).map {
                UnsafeMutableBufferPointer(rebasing: range[$0..<min(range.count, $0 + Self.piece)])
            }
        }
        self.sums = try AlignedBuffer(count: pieces.count)
    }

    /// The number of pieces.
    var count: Int { pieces.count }

    /// Adds up one piece's squares; pieces may go to different threads.
    func run(piece index: Int) {
        guard let base = pieces[index].baseAddress else { return }
        sums.pointer[index] = dtrain_squared_norm(Int64(pieces[index].count), base)
    }

    /// Multiplies one piece's elements by `scale` and limits them to [−limit, limit]; pieces may go to different threads.
    func clip(piece index: Int, scale: Float, limit: Float) {
        guard let base = pieces[index].baseAddress else { return }
        dtrain_clip(Int64(pieces[index].count), scale, limit, base)
    }

    /// The norm, when all pieces are done; finite exactly when every element is.
    var value: Double { sums.elements.reduce(0, +).squareRoot() }

    /// The sums in wire order but for those of the table and the loss, which aren't parameters; neighbours joined.
    private static func parameterRanges(_ gradient: GradientSums) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        for place in gradient.blocks.places where place.matrix.offset < gradient.layout.table {
            if let last = ranges.last, last.upperBound == place.start {
                ranges[ranges.count - 1] = last.lowerBound..<place.elements.upperBound
            } else {
                ranges.append(place.elements)
            }
        }
        return ranges
    }
}
