import CKernels
import Glibc
import Synchronization

/// The first layer's input products in inference, embeddings · W, with a row of G·H for each
/// character of the vocabulary.
///
/// A row is computed when its character first occurs.
///
/// All workers share the table. The first worker that needs a row computes it; workers that need it
/// meanwhile wait. The bits equal those of an `InputTable`.
final class LazyTable: @unchecked Sendable {
    /// The rows: [V, G·H]; until it is filled, a row is undefined and takes no memory.
    let values: AlignedBuffer<Float>
    private let embeddings: UnsafePointer<Float>
    private let embeddingDim: Int
    /// W: [E, G·H] in float32.
    private let kernel: PackedMatrix
    private let states: UnsafeMutableBufferPointer<Atomic<UInt8>>

    // The states of a row.
    private static let empty: UInt8 = 0
    private static let computing: UInt8 = 1
    private static let filled: UInt8 = 2

    /// Spins before yielding, about 10 µs.
    private static let spins = 500

    /// Reserves a table of empty rows.
    ///
    /// - Parameters:
    ///   - parameters: the flat parameters, which must outlive this object.
    ///   - kernel: the packed W of the first layer.
    /// - Throws: `DTrainError` with `internal` if memory runs out.
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

    /// Empties all rows; no worker may read them meanwhile.
    func removeAll() {
        for index in states.indices { states[index].store(Self.empty, ordering: .relaxed) }
    }

    /// Prepares a worker's product for `fill`.
    func product() throws -> any WeightProduct { try kernel.product(rows: 1) }

    /// Fills a character's row unless it is filled already; returns when the row can be read.
    ///
    /// - Parameter product: the calling worker's product.
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
