import CKernels
import Glibc
import Synchronization

/// The first layer's input products of weights that are only read, embeddings · W: a row of G·H for each character of the
/// vocabulary, computed when the character first occurs.
///
/// All workers share it. Each row is computed by the worker that needs it first; others that need it meanwhile wait for that.
/// A row has the bits that it has in an `InputTable`.
final class LazyTable: @unchecked Sendable {
    /// [V, G·H]; a row is undefined, and takes no memory, until it is filled.
    let values: AlignedBuffer<Float>
    private let embeddings: UnsafePointer<Float>
    private let embeddingDim: Int
    /// W: [E, G·H] in float32.
    private let kernel: PackedMatrix
    private let states: UnsafeMutableBufferPointer<Atomic<UInt8>>

    // What a row's state says.
    private static let empty: UInt8 = 0
    private static let computing: UInt8 = 1
    private static let filled: UInt8 = 2

    /// Spins this often before yielding, about 10 µs.
    private static let spins = 500

    /// Reserves a table of empty rows.
    ///
    /// - Parameters:
    ///   - parameters: the flat parameters of that layout, which must outlive this object.
    ///   - kernel: the packed W of the first layer.
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    init(_ layout: ParameterLayout, parameters: UnsafePointer<Float>, kernel: PackedMatrix) throws {
        let vocabularySize = layout.configuration.vocabularySize
        values = try AlignedBuffer(count: vocabularySize * kernel.columns, isSparse: true)
        embeddings = parameters + layout.embeddings
        embeddingDim = layout.configuration.embeddingDim
        self.kernel = kernel
        states = .allocate(capacity: vocabularySize)
        for index in states.indices { states.initializeElement(at: index, to: Atomic(Self.empty)) }
    }

    deinit {
        states.deinitialize()
        states.deallocate()
    }

    /// Empties all rows, while no worker reads them.
    func removeAll() {
        for index in states.indices { states[index].store(Self.empty, ordering: .relaxed) }
    }

    /// Prepares a worker's product for `fill`.
    func product() throws -> any WeightProduct { try kernel.product(rows: 1) }

    /// Fills a character's row unless it is; on return it can be read.
    ///
    /// - Parameter product: the calling worker's own.
    func fill(_ id: Int, with product: any WeightProduct) {
        var attempts = 0
        while states[id].load(ordering: .acquiring) != Self.filled {
            if states[id].compareExchange(
                expected: Self.empty, desired: Self.computing, ordering: .acquiring
            ).exchanged {
                product(embeddings + id * embeddingDim, kernel.bytes, values.pointer + id * kernel.columns)
                states[id].store(Self.filled, ordering: .releasing)
                return
            }
            attempts += 1
            if attempts < Self.spins { dtrain_pause() } else { sched_yield() }
        }
    }
}
