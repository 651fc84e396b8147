import Synchronization

/// A copy of a replica's weights and moments, from which a checkpoint is written while the training goes on.
///
/// Nobody fills it while somebody writes it: that is up to the owner.
public final class CheckpointSnapshot: Sendable {
    /// The tensors.
    public let layout: ParameterLayout
    let parameters: AlignedBuffer<Float>
    let m: AlignedBuffer<Float>
    let v: AlignedBuffer<Float>

    /// Allocates room for the tensors of a model.
    ///
    /// - Throws: `DTrainError` with `internal` when memory is exhausted.
    public init(layout: ParameterLayout) throws {
        self.layout = layout
        parameters = try AlignedBuffer(count: layout.count)
        m = try AlignedBuffer(count: layout.count)
        v = try AlignedBuffer(count: layout.count)
    }

    /// Writes a training checkpoint atomically and flushes it to the disk.
    ///
    /// - Parameters:
    ///   - path: the file; its folder must exist.
    ///   - metadata: all of it.
    ///   - calls: what writes the file.
    /// - Throws: as `Checkpoint.write`.
    package func write(to path: String, metadata: CheckpointMetadata, with calls: FileCalls = .system) throws {
        try Checkpoint.write(
            to: path, metadata: metadata, layout: layout, parameters: parameters.pointer,
            moments: (m: UnsafePointer(m.pointer), v: UnsafePointer(v.pointer)), with: calls)
    }
}

extension Replica {
    /// Elements that a worker copies at a time: they are still in its cache when it looks at them.
    private static var block: Int { 1 << 15 }

    /// Copies weights and moments, by all workers.
    ///
    /// - Parameter snapshot: one of the same layout.
    /// - Throws: `DTrainError` with `badData` that names the first tensor in which a number is not finite.
    public func copyState(to snapshot: CheckpointSnapshot) throws {
        let buffers = [
            (source: parameters, target: snapshot.parameters, kind: "weights"),
            (source: adam.m, target: snapshot.m, kind: "first moments"),
            (source: adam.v, target: snapshot.v, kind: "second moments"),
        ]
        let (pool, count, block) = (pool, layout.count, Self.block)
        let blocks = (count + block - 1) / block
        let isFinite = Atomic(true)
        try withExtendedLifetime(buffers) {
            try pool.run { _ in
                while let task = pool.nextTask(below: buffers.count * blocks) {
                    let (source, target, _) = buffers[task / blocks]
                    let range = task % blocks * block..<min(count, (task % blocks + 1) * block)
                    let copy = target.pointer + range.lowerBound
                    copy.update(from: source.pointer + range.lowerBound, count: range.count)
                    if !allFinite(copy, count: range.count) { isFinite.store(false, ordering: .relaxed) }
                }
            }
        }
        guard !isFinite.load(ordering: .relaxed) else { return }
        for (_, target, kind) in buffers {
            guard let name = layout.firstNonFinite(in: target.pointer) else { continue }
            throw DTrainError(
                .badData,
                "the \(kind) of \(name) are not finite numbers after step \(adam.steps), so they are not saved; lower "
                    + "--learning-rate and go on from the last checkpoint with --resume")
        }
    }
}
