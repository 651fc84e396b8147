import CKernels

/// The order in which the sums over micro-batches travel between ranks ("wire order"), and their
/// division into blocks.
///
/// A column panel's rows lie far apart in the parameters' layout. The sums are kept and sent as
/// they are computed, task after task, and the optimizer reads them in that order. A block is a few
/// tasks that finish at about the same time; it travels while the next one is computed. Each block
/// is cut into one part per rank: the elements that this rank adds up.
package struct GradientBlocks: Sendable {
    /// A matrix inside the flat gradient; in wire order its elements follow each other.
    package struct Matrix: Hashable, Sendable {
        /// The number of rows.
        package let rows: Int
        /// The elements of a row.
        package let width: Int
        /// The place of the first element in the flat gradient.
        package let offset: Int
        /// The distance between rows in the flat gradient.
        package let stride: Int
        /// Whether a row stands for something else from step to step, as those of characters that occur.
        package let rowsVary: Bool

        /// Describes a matrix.
        package init(rows: Int, width: Int, offset: Int, stride: Int, rowsVary: Bool = false) {
            self.rows = rows
            self.width = width
            self.offset = offset
            self.stride = stride
            self.rowsVary = rowsVary
        }

        var count: Int { rows * width }
    }

    /// A matrix and its start in wire order.
    struct Place: Sendable {
        let matrix: Matrix
        let start: Int

        /// The matrix's elements in wire order.
        var elements: Range<Int> { start..<start + matrix.count }
    }

    /// Elements of one block, in wire order.
    package struct Segment: Hashable, Sendable {
        /// The block that contains all the elements.
        package let block: Int
        /// The elements in wire order.
        package let elements: Range<Int>

        /// Describes elements of a block.
        package init(block: Int, elements: Range<Int>) {
            self.block = block
            self.elements = elements
        }
    }

    fileprivate struct Block {
        let elements: Range<Int>
        let taskCount: Int
        /// The part of each rank.
        let parts: [Range<Int>]
    }

    /// The number of ranks that share the work.
    package let ranks: Int
    /// The step's mean loss, the only element of its task; never compressed.
    let lossSegment: Segment
    /// All matrices, in wire order.
    let places: [Place]
    private let blocks: [Block]

    fileprivate init(ranks: Int, lossSegment: Segment, places: [Place], blocks: [Block]) {
        (self.ranks, self.lossSegment, self.places, self.blocks) = (ranks, lossSegment, places, blocks)
    }

    /// Forms blocks of whole tasks; the loss is a task of its own and comes last.
    ///
    /// - Parameters:
    ///   - tasks: the matrices that each task fills, in the order of the tasks.
    ///   - lossOffset: the place of the loss in the flat gradient.
    ///   - ranks: the number of ranks that share the work.
    ///   - leastBytes: the size at which a block is complete; nil for one that suits the number of
    ///     ranks.
    package init(tasks: [[Matrix]], lossOffset: Int, ranks: Int, leastBytes: Int? = nil) {
        var builder = Builder(ranks: ranks, leastBytes: leastBytes)
        for matrices in tasks { builder.append(matrices) }
        self = builder.finish(lossOffset: lossOffset)
    }

    /// The minimum size of a block in bytes, large enough to amortise the latency of a transfer.
    private static let leastBytes = 5 << 18
    /// The minimum size of a part in bytes.
    private static let leastPartBytes = 1 << 16

    /// Estimates the number of blocks of a gradient of many small tasks; at least 1.
    package static func usualCount(bytes: Int, ranks: Int) -> Int { max(1, bytes / usualBytes(ranks: ranks)) }

    fileprivate static func usualBytes(ranks: Int) -> Int { max(leastBytes, leastPartBytes * ranks) }

    /// The number of elements.
    package var count: Int { blocks.last?.elements.upperBound ?? 0 }

    /// The number of blocks.
    package var blockCount: Int { blocks.count }

    /// The element in wire order that holds the step's mean loss.
    package var loss: Int { lossSegment.elements.lowerBound }

    /// A block's elements in wire order.
    package func elements(of block: Int) -> Range<Int> { blocks[block].elements }

    /// The elements of a block that stand for something else from step to step, in wire order.
    package func varying(in block: Int) -> [Range<Int>] {
        let elements = blocks[block].elements
        return places.filter { $0.matrix.rowsVary && elements.overlaps($0.elements) }
            .map { $0.elements.clamped(to: elements) }
    }

    /// The number of tasks that fill a block, the loss included.
    func taskCount(of block: Int) -> Int { blocks[block].taskCount }

    /// The elements of a block that a rank adds up, in wire order; possibly empty.
    package func part(of block: Int, rank: Int) -> Range<Int> { blocks[block].parts[rank] }

    /// The index of one node's sums of a part, in the buffer of a rank that has `nodes` nodes.
    ///
    /// The parts follow each other, and in a part its nodes, so that everything a peer receives is
    /// contiguous.
    package func offset(of part: Range<Int>, node: Int, nodes: Int) -> Int {
        part.lowerBound * nodes + node * part.count
    }

    /// Copies a segment of one of `nodes` nodes to the buffer that is sent.
    package func store(
        _ values: UnsafePointer<Float>, _ segment: Segment, node: Int, of nodes: Int,
        to base: UnsafeMutablePointer<Float>
    ) {
        for part in blocks[segment.block].parts {
            let piece = part.clamped(to: segment.elements)
            guard !piece.isEmpty else { continue }
            let target = offset(of: part, node: node, nodes: nodes) + piece.lowerBound - part.lowerBound
            (base + target).update(
                from: values + (piece.lowerBound - segment.elements.lowerBound), count: piece.count)
        }
    }

    /// Copies a vector in wire order to the flat gradient; slow, for diagnosis.
    func unpack(_ elements: UnsafePointer<Float>, to flat: UnsafeMutablePointer<Float>) {
        for place in places { place.unpack(elements, to: flat + place.matrix.offset) }
    }

    /// Returns one of `nodes` nodes in wire order, read from the buffer that is sent; slow, for
    /// diagnosis.
    func wireOrder(node: Int, of nodes: Int, from base: UnsafePointer<Float>) -> [Float] {
        blocks.flatMap(\.parts).flatMap { part in
            UnsafeBufferPointer(start: base + offset(of: part, node: node, nodes: nodes), count: part.count)
        }
    }
}

extension GradientBlocks.Place {
    /// Copies the matrix from a vector in wire order to the place of its first row.
    func unpack(_ elements: UnsafePointer<Float>, to first: UnsafeMutablePointer<Float>) {
        for row in 0..<matrix.rows {
            (first + row * matrix.stride).update(from: elements + start + row * matrix.width, count: matrix.width)
        }
    }
}

extension GradientBlocks {
    /// Forms blocks task by task.
    struct Builder {
        private let ranks: Int
        private let leastBytes: Int
        private var places: [Place] = []
        private var blocks: [Block] = []
        /// The elements of the tasks so far.
        private var count = 0
        // The block that is still open.
        private var start = 0
        private var taskCount = 0

        /// Starts without tasks.
        ///
        /// - Parameters:
        ///   - ranks: the number of ranks that share the work.
        ///   - leastBytes: the size at which a block is complete; nil for one that suits the number
        ///     of ranks.
        init(ranks: Int, leastBytes: Int? = nil) {
            self.ranks = ranks
            self.leastBytes = leastBytes ?? GradientBlocks.usualBytes(ranks: ranks)
        }

        /// Appends a task that fills some matrices, one after another.
        ///
        /// - Returns: where the task's sums belong.
        @discardableResult
        mutating func append(_ matrices: [Matrix]) -> Segment {
            let first = count
            for matrix in matrices {
                places.append(Place(matrix: matrix, start: count))
                count += matrix.count
            }
            let segment = Segment(block: blocks.count, elements: first..<count)
            taskCount += 1
            if (count - start) * MemoryLayout<Float>.stride >= leastBytes { closeBlock() }
            return segment
        }

        /// Appends the loss and closes the last block.
        consuming func finish(lossOffset: Int) -> GradientBlocks {
            let loss = append([Matrix(rows: 1, width: 1, offset: lossOffset, stride: 1)])
            if taskCount > 0 { closeBlock() }
            return GradientBlocks(ranks: ranks, lossSegment: loss, places: places, blocks: blocks)
        }

        private mutating func closeBlock() {
            blocks.append(Block(elements: start..<count, taskCount: taskCount, parts: Self.cut(start..<count, ranks)))
            (start, taskCount) = (count, 0)
        }

        /// Cuts a range into balanced parts that begin on whole cache lines of it.
        private static func cut(_ range: Range<Int>, _ ranks: Int) -> [Range<Int>] {
            let line = Int(DTRAIN_LINE)
            return Partition.balanced(count: (range.count + line - 1) / line, parts: ranks).map {
                range.lowerBound + min($0.lowerBound * line, range.count)..<range.lowerBound
                    + min($0.upperBound * line, range.count)
            }
        }
    }
}
