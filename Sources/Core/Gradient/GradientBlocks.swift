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

        /// Describes a matrix.
        package init(rows: Int, width: Int, offset: Int, stride: Int) {
            self.rows = rows
            self.width = width
            self.offset = offset
            self.stride = stride
        }

        var count: Int { rows * width }
    }

    /// A matrix and its start in wire order.
    struct Place: Sendable {
        let matrix: Matrix
        let start: Int

        /// Its elements in wire order.
        var elements: Range<Int> { start..<start + matrix.count }
    }

    private struct Task {
        let elements: Range<Int>
        let block: Int
    }

    private struct Block {
        let elements: Range<Int>
        let tasks: Range<Int>
        /// The part of each rank.
        let parts: [Range<Int>]
    }

    /// The number of elements.
    package let count: Int
    /// The number of ranks that share the work.
    package let ranks: Int
    /// The element in wire order that holds the step's mean loss; never compressed.
    package let loss: Int
    /// The task whose only element is the loss.
    let lossTask: Int
    /// All matrices, in wire order.
    let places: [Place]
    private let tasks: [Task]
    private let blocks: [Block]

    /// The minimum size of a block in bytes, large enough to amortise the latency of a transfer.
    private static let leastBytes = 5 << 18
    /// The minimum size of a part in bytes.
    private static let leastPartBytes = 1 << 16

    /// Estimates the number of blocks of a gradient of many small tasks; at least 1.
    package static func usualCount(bytes: Int, ranks: Int) -> Int { max(1, bytes / usualBytes(ranks: ranks)) }

    private static func usualBytes(ranks: Int) -> Int { max(leastBytes, leastPartBytes * ranks) }

    /// Forms blocks of whole tasks; the loss is a task of its own and comes last.
    ///
    /// - Parameters:
    ///   - matrices: the matrices that each task fills, in the order of the tasks.
    ///   - lossOffset: the place of the loss in the flat gradient.
    ///   - ranks: the number of ranks that share the work.
    ///   - leastBytes: the size at which a block is complete; nil for one that suits the number of
    ///     ranks.
    package init(tasks matrices: [[Matrix]], lossOffset: Int, ranks: Int, leastBytes: Int? = nil) {
        let least = leastBytes ?? Self.usualBytes(ranks: ranks)
        var blocks: [Block] = []
        var tasks: [Task] = []
        var places: [Place] = []
        var (next, firstTask, first) = (0, 0, 0)
        for (index, task) in (matrices + [[Matrix(rows: 1, width: 1, offset: lossOffset, stride: 1)]]).enumerated() {
            let start = next
            for matrix in task {
                places.append(Place(matrix: matrix, start: next))
                next += matrix.count
            }
            tasks.append(Task(elements: start..<next, block: blocks.count))
            guard (next - first) * MemoryLayout<Float>.stride >= least || index == matrices.count else { continue }
            blocks.append(
                Block(
                    elements: first..<next, tasks: firstTask..<index + 1,
                    parts: Self.cut(first..<next, into: ranks)))
            (first, firstTask) = (next, index + 1)
        }
        count = next
        loss = next - 1
        lossTask = matrices.count
        self.ranks = ranks
        (self.tasks, self.places, self.blocks) = (tasks, places, blocks)
    }

    /// The number of blocks.
    package var blockCount: Int { blocks.count }

    /// A block's elements in wire order.
    package func elements(of block: Int) -> Range<Int> { blocks[block].elements }

    /// The tasks of a block.
    func tasks(of block: Int) -> Range<Int> { blocks[block].tasks }

    /// A task's elements in wire order.
    func elements(ofTask task: Int) -> Range<Int> { tasks[task].elements }

    /// The block that a task belongs to.
    func block(ofTask task: Int) -> Int { tasks[task].block }

    /// The elements of a block that a rank adds up, in wire order; possibly empty.
    package func part(of block: Int, rank: Int) -> Range<Int> { blocks[block].parts[rank] }

    /// The index of one node's sums of a part, in the buffer of a rank that has `nodes` nodes.
    ///
    /// The parts follow each other, and in a part its nodes, so that everything a peer receives is
    /// contiguous.
    package func offset(of part: Range<Int>, node: Int, nodes: Int) -> Int {
        part.lowerBound * nodes + node * part.count
    }

    /// Copies one task's sums of one of `nodes` nodes to the buffer that is sent.
    func store(_ sums: UnsafePointer<Float>, task: Int, node: Int, of nodes: Int, to base: UnsafeMutablePointer<Float>)
    {
        store(sums, elements: tasks[task].elements, block: tasks[task].block, node: node, of: nodes, to: base)
    }

    /// Copies elements of one of `nodes` nodes, all from one block, to the buffer that is sent.
    package func store(
        _ values: UnsafePointer<Float>, elements: Range<Int>, block: Int, node: Int, of nodes: Int,
        to base: UnsafeMutablePointer<Float>
    ) {
        for part in blocks[block].parts {
            let piece = part.clamped(to: elements)
            guard !piece.isEmpty else { continue }
            let target = offset(of: part, node: node, nodes: nodes) + piece.lowerBound - part.lowerBound
            (base + target).update(from: values + (piece.lowerBound - elements.lowerBound), count: piece.count)
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

    /// Cuts a range into balanced parts that begin on whole cache lines of it.
    private static func cut(_ range: Range<Int>, into ranks: Int) -> [Range<Int>] {
        ReductionTree.partition(count: (range.count + 15) / 16, parts: ranks).map {
            range.lowerBound + min($0.lowerBound * 16, range.count)..<range.lowerBound
                + min($0.upperBound * 16, range.count)
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
    /// Forms the blocks of a model's summed gradient.
    init(_ layout: GradientLayout, tasks: [PanelTask], ranks: Int) {
        let matrices = tasks.map { task in
            task.targets.map { Matrix(rows: $0.rows, width: task.width, offset: $0.offset, stride: $0.stride) }
        }
        self.init(tasks: matrices, lossOffset: layout.loss, ranks: ranks)
    }
}
