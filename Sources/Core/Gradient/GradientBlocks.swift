/// In which order the sums over micro-batches travel between ranks, and in which blocks.
///
/// In the parameters' layout a column panel's rows lie far apart. The sums are kept and sent as they are computed, each task's one
/// after another ("wire order"), and the optimiser reads them so. A block is a few tasks, done at about the same time; it travels
/// while the next is computed. Each block is cut into one part per rank, the elements which that rank adds up.
public struct GradientBlocks: Sendable {
    /// A matrix inside the flat gradient; in wire order its elements follow each other.
    public struct Matrix: Hashable, Sendable {
        /// Rows.
        public let rows: Int
        /// Elements of a row.
        public let width: Int
        /// Of the first element in the flat gradient.
        public let offset: Int
        /// From row to row in the flat gradient.
        public let stride: Int

        /// Describes a matrix.
        public init(rows: Int, width: Int, offset: Int, stride: Int) {
            self.rows = rows
            self.width = width
            self.offset = offset
            self.stride = stride
        }

        var count: Int { rows * width }
    }

    /// A matrix and where it begins in wire order.
    struct Place: Sendable {
        let matrix: Matrix
        let start: Int

        /// Its elements in wire order.
        var elements: Range<Int> { start..<start + matrix.count }
    }

    private struct Block {
        let elements: Range<Int>
        let tasks: Range<Int>
    }

    /// Elements in all.
    public let count: Int
    /// The ranks that share the work.
    public let ranks: Int
    /// Where each task's sums begin in wire order.
    let taskStarts: [Int]
    /// All matrices, in wire order.
    let places: [Place]
    private let blocks: [Block]
    private let parts: [Range<Int>]

    /// The least bytes of a block, so that what it costs to begin a transfer doesn't show.
    private static let leastBytes = 5 << 18
    /// The least bytes of a part.
    private static let leastPartBytes = 1 << 16

    /// About how many blocks a gradient of many small tasks travels in, at least 1.
    public static func usualCount(bytes: Int, ranks: Int) -> Int { max(1, bytes / usualBytes(ranks: ranks)) }

    private static func usualBytes(ranks: Int) -> Int { max(leastBytes, leastPartBytes * ranks) }

    /// Forms blocks of whole tasks.
    ///
    /// - Parameters:
    ///   - tasks: the matrices that each task fills, in the order of the tasks.
    ///   - ranks: the ranks that share the work.
    ///   - leastBytes: at which size a block is complete; nil for what suits the number of ranks.
    public init(tasks: [[Matrix]], ranks: Int, leastBytes: Int? = nil) {
        let least = leastBytes ?? Self.usualBytes(ranks: ranks)
        var blocks: [Block] = []
        var starts: [Int] = []
        var places: [Place] = []
        var (next, firstTask, first) = (0, 0, 0)
        for (index, task) in tasks.enumerated() {
            starts.append(next)
            for matrix in task {
                places.append(Place(matrix: matrix, start: next))
                next += matrix.count
            }
            guard (next - first) * MemoryLayout<Float>.stride >= least || index == tasks.count - 1 else { continue }
            blocks.append(Block(elements: first..<next, tasks: firstTask..<index + 1))
            (first, firstTask) = (next, index + 1)
        }
        count = next
        taskStarts = starts
        self.places = places
        self.ranks = ranks
        self.blocks = blocks
        parts = blocks.flatMap { Self.cut($0.elements, into: ranks) }
    }

    /// Blocks of a vector that lies as it travels.
    public init(contiguous count: Int, ranks: Int, leastBytes: Int? = nil) {
        let length = (leastBytes ?? Self.usualBytes(ranks: ranks)) / MemoryLayout<Float>.stride
        let tasks = stride(from: 0, to: count, by: max(1, length)).map { start in
            let width = min(max(1, length), count - start)
            return [Matrix(rows: 1, width: width, offset: start, stride: width)]
        }
        self.init(tasks: tasks, ranks: ranks, leastBytes: leastBytes)
    }

    /// The number of blocks.
    public var blockCount: Int { blocks.count }

    /// A block's elements in wire order.
    public func elements(of block: Int) -> Range<Int> { blocks[block].elements }

    /// The tasks that a block consists of.
    func tasks(of block: Int) -> Range<Int> { blocks[block].tasks }

    /// The elements of a block that a rank adds up, in wire order; they may be none.
    public func part(of block: Int, rank: Int) -> Range<Int> { parts[block * ranks + rank] }

    /// Where a rank with `nodes` nodes keeps its sums of one of them for a part: part by part, in a part node by node, so that what a
    /// peer gets of all nodes is contiguous.
    public func offset(of part: Range<Int>, node: Int, nodes: Int) -> Int {
        part.lowerBound * nodes + node * part.count
    }

    /// Copies one task's sums to where they travel from; one of `nodes` nodes.
    func store(_ sums: UnsafePointer<Float>, task: Int, node: Int, of nodes: Int, to base: UnsafeMutablePointer<Float>)
    {
        let end = task + 1 < taskStarts.count ? taskStarts[task + 1] : count
        store(sums, elements: taskStarts[task]..<end, block: block(of: task), node: node, of: nodes, to: base)
    }

    /// Copies elements of one node, all from one block, to where they travel from.
    public func store(
        _ values: UnsafePointer<Float>, elements: Range<Int>, block: Int, node: Int, of nodes: Int,
        to base: UnsafeMutablePointer<Float>
    ) {
        for rank in 0..<ranks {
            let part = part(of: block, rank: rank)
            let piece = part.clamped(to: elements)
            guard !piece.isEmpty else { continue }
            let target = offset(of: part, node: node, nodes: nodes) + piece.lowerBound - part.lowerBound
            (base + target).update(from: values + (piece.lowerBound - elements.lowerBound), count: piece.count)
        }
    }

    /// Copies a vector in wire order to the flat gradient; slow, for a look at it.
    func unpack(_ elements: UnsafePointer<Float>, to flat: UnsafeMutablePointer<Float>) {
        for place in places { place.unpack(elements, to: flat + place.matrix.offset) }
    }

    /// One of `nodes` nodes in wire order, from where it travels from; slow, for a look at it.
    func wireOrder(node: Int, of nodes: Int, from base: UnsafePointer<Float>) -> [Float] {
        blocks.indices.flatMap { block in
            (0..<ranks).flatMap { rank in
                let part = part(of: block, rank: rank)
                return UnsafeBufferPointer(start: base + offset(of: part, node: node, nodes: nodes), count: part.count)
            }
        }
    }

    /// The block that a task belongs to.
    func block(of task: Int) -> Int { blocks.firstIndex { $0.tasks.contains(task) } ?? 0 }

    /// Balanced ranges that begin on whole cache lines of the block.
    private static func cut(_ range: Range<Int>, into ranks: Int) -> [Range<Int>] {
        ReductionTree.partition(count: (range.count + 15) / 16, parts: ranks).map {
            range.lowerBound + min($0.lowerBound * 16, range.count)..<range.lowerBound
                + min($0.upperBound * 16, range.count)
        }
    }
}

extension GradientBlocks.Place {
    /// Copies the matrix out of a vector in wire order to where its first row belongs.
    func unpack(_ elements: UnsafePointer<Float>, to first: UnsafeMutablePointer<Float>) {
        for row in 0..<matrix.rows {
            (first + row * matrix.stride).update(from: elements + start + row * matrix.width, count: matrix.width)
        }
    }
}

extension GradientBlocks {
    /// The blocks of a model's summed gradient; the loss comes last.
    init(_ layout: GradientLayout, tasks: [PanelTask], ranks: Int) {
        let matrices = tasks.map { task in
            task.targets.map { Matrix(rows: $0.rows, width: task.width, offset: $0.offset, stride: $0.stride) }
        }
        let loss = [Matrix(rows: 1, width: 1, offset: layout.loss, stride: 1)]
        self.init(tasks: matrices + [loss], ranks: ranks)
    }
}
