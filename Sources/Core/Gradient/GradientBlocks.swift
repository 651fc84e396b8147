import CKernels

/// The order in which sums over micro-batches are sent between ranks ("wire order"), and their
/// division into blocks.
///
/// In the parameters' layout a column panel's rows are far apart. So the sums are stored and sent
/// in the order in which the tasks compute them, and the optimizer reads them in that order. A
/// block is a few tasks that finish at about the same time, and it is sent while the next one is
/// computed. Each block is divided into one part per rank, which that rank sums.
package struct GradientBlocks: Sendable {
    /// A matrix inside the flat gradient; its elements are contiguous in wire order.
    package struct Matrix: Hashable, Sendable {
        /// The number of rows.
        package let rows: Int
        /// The number of elements per row.
        package let width: Int
        /// The offset of the first element in the flat gradient.
        package let offset: Int
        /// The distance between rows in the flat gradient.
        package let stride: Int
        /// Whether a row's meaning varies from step to step, as for the characters that occur in a
        /// batch.
        package let rowsVary: Bool

        /// Creates a matrix.
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

        /// Creates a segment of a block.
        package init(block: Int, elements: Range<Int>) {
            self.block = block
            self.elements = elements
        }
    }

    fileprivate struct Block {
        let elements: Range<Int>
        let taskCount: Int
        /// The parts of the ranks.
        let parts: [Range<Int>]
    }

    /// The number of ranks that share the summation.
    package let ranks: Int
    /// The segment of the step's mean loss, its task's only element; never compressed.
    let lossSegment: Segment
    /// All matrices, in wire order.
    let places: [Place]
    private let blocks: [Block]

    fileprivate init(ranks: Int, lossSegment: Segment, places: [Place], blocks: [Block]) {
        (self.ranks, self.lossSegment, self.places, self.blocks) = (ranks, lossSegment, places, blocks)
    }

    /// Creates blocks of whole tasks; the loss is a separate task and comes last.
    ///
    /// - Parameters:
    ///   - tasks: the matrices that each task computes, in the order of the tasks.
    ///   - lossOffset: the offset of the loss in the flat gradient.
    ///   - ranks: the number of ranks that share the summation.
    ///   - minBytes: the size at which a block is complete; nil for one that suits the number of
    ///     ranks.
    package init(tasks: [[Matrix]], lossOffset: Int, ranks: Int, minBytes: Int? = nil) {
        var builder = Builder(ranks: ranks, minBytes: minBytes)
        for matrices in tasks { builder.append(matrices) }
        self = builder.finish(lossOffset: lossOffset)
    }

    /// The minimum size of a block in bytes, large enough to amortize the latency of a transfer.
    private static let minBytes = 5 << 18
    /// The minimum size of a part in bytes.
    private static let minPartBytes = 1 << 16

    /// Estimates the number of blocks of a gradient with many small tasks; at least 1.
    package static func estimatedCount(bytes: Int, ranks: Int) -> Int { max(1, bytes / defaultMinBytes(ranks: ranks)) }

    fileprivate static func defaultMinBytes(ranks: Int) -> Int { max(minBytes, minPartBytes * ranks) }

    /// The number of elements.
    package var count: Int { blocks.last?.elements.upperBound ?? 0 }

    /// The number of blocks.
    package var blockCount: Int { blocks.count }

    /// The index in wire order of the step's mean loss.
    package var loss: Int { lossSegment.elements.lowerBound }

    /// Returns a block's elements in wire order.
    package func elements(of block: Int) -> Range<Int> { blocks[block].elements }

    /// Returns the elements of a block whose meaning varies from step to step, in wire order.
    package func varying(in block: Int) -> [Range<Int>] {
        let elements = blocks[block].elements
        return places.filter { $0.matrix.rowsVary && elements.overlaps($0.elements) }
            .map { $0.elements.clamped(to: elements) }
    }

    /// Returns the number of tasks that fill a block, including the loss.
    func taskCount(of block: Int) -> Int { blocks[block].taskCount }

    /// Returns the elements of a block that a rank sums, in wire order; possibly empty.
    package func part(of block: Int, rank: Int) -> Range<Int> { blocks[block].parts[rank] }

    /// Returns the offset of one node's sums of a part, in the buffer of a rank with `nodes` nodes.
    ///
    /// Parts are contiguous, and a part's nodes are contiguous within it, so each peer receives one
    /// contiguous range.
    package func offset(of part: Range<Int>, node: Int, nodes: Int) -> Int {
        part.lowerBound * nodes + node * part.count
    }

    /// Copies a segment of one of `nodes` nodes to the send buffer.
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

    /// Copies a vector in wire order to the flat gradient; slow, for diagnostics.
    func unpack(_ elements: UnsafePointer<Float>, to flat: UnsafeMutablePointer<Float>) {
        for place in places { place.unpack(elements, to: flat + place.matrix.offset) }
    }

    /// Returns one of `nodes` nodes in wire order, read from the send buffer; slow, for
    /// diagnostics.
    func wireOrder(node: Int, of nodes: Int, from base: UnsafePointer<Float>) -> [Float] {
        blocks.flatMap(\.parts).flatMap { part in
            UnsafeBufferPointer(start: base + offset(of: part, node: node, nodes: nodes), count: part.count)
        }
    }
}

extension GradientBlocks.Place {
    /// Copies the matrix from a vector in wire order to the flat gradient, where `first` is its
    /// first row.
    func unpack(_ elements: UnsafePointer<Float>, to first: UnsafeMutablePointer<Float>) {
        for row in 0..<matrix.rows {
            (first + row * matrix.stride).update(from: elements + start + row * matrix.width, count: matrix.width)
        }
    }
}

extension GradientBlocks {
    /// A builder that forms blocks task by task.
    struct Builder {
        private let ranks: Int
        private let minBytes: Int
        private var places: [Place] = []
        private var blocks: [Block] = []
        /// The number of elements so far.
        private var count = 0
        // The start and the task count of the open block.
        private var start = 0
        private var taskCount = 0

        /// Creates a builder without tasks.
        ///
        /// - Parameters:
        ///   - ranks: the number of ranks that share the summation.
        ///   - minBytes: the size at which a block is complete; nil for one that suits the number
        ///     of ranks.
        init(ranks: Int, minBytes: Int? = nil) {
            self.ranks = ranks
            self.minBytes = minBytes ?? GradientBlocks.defaultMinBytes(ranks: ranks)
        }

        /// Appends a task that computes some matrices, one after another.
        ///
        /// - Returns: the segment of the task's sums.
        @discardableResult
        mutating func append(_ matrices: [Matrix]) -> Segment {
            let first = count
            for matrix in matrices {
                places.append(Place(matrix: matrix, start: count))
                count += matrix.count
            }
            let segment = Segment(block: blocks.count, elements: first..<count)
            taskCount += 1
            if (count - start) * MemoryLayout<Float>.stride >= minBytes { closeBlock() }
            return segment
        }

        /// Appends the loss and closes the last block.
        consuming func finish(lossOffset: Int) -> GradientBlocks {
            let loss = append([Matrix(rows: 1, width: 1, offset: lossOffset, stride: 1)])
            if taskCount > 0 { closeBlock() }
            return GradientBlocks(ranks: ranks, lossSegment: loss, places: places, blocks: blocks)
        }

        private mutating func closeBlock() {
            blocks.append(
                Block(elements: start..<count, taskCount: taskCount, parts: Self.divide(start..<count, ranks)))
            (start, taskCount) = (count, 0)
        }

        /// Divides a range into balanced parts that start at whole cache lines of the range.
        private static func divide(_ range: Range<Int>, _ ranks: Int) -> [Range<Int>] {
            let line = Int(DTRAIN_LINE)
            return Partition.balanced(count: (range.count + line - 1) / line, parts: ranks).map {
                range.lowerBound + min($0.lowerBound * line, range.count)..<range.lowerBound
                    + min($0.upperBound * line, range.count)
            }
        }
    }
}
