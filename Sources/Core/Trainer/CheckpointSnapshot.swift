import Synchronization

/// A copy of a replica's state, from which a checkpoint is written while training continues.
///
/// The owner must not fill a snapshot while it is being written.
package final class CheckpointSnapshot: Sendable {
    /// The layout of the tensors.
    package let layout: ParameterLayout
    let parameters: AlignedBuffer<Float>
    let optimizer: OptimizerState

    /// Allocates memory for a copy of a replica's state.
    ///
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    package init(of replica: Replica) throws {
        layout = replica.layout
        parameters = try AlignedBuffer(count: layout.count)
        optimizer = try OptimizerState(replica.optimizerState.optimizer, count: layout.count)
    }

    /// Writes a training checkpoint atomically and flushes it to disk.
    ///
    /// - Parameters:
    ///   - path: the file; its folder must exist.
    ///   - metadata: the complete metadata.
    ///   - states: the states of the streams; nil without streams.
    ///   - calls: the system calls that write the file.
    /// - Throws: the errors of `Checkpoint.write`.
    package func write(
        to path: String, metadata: CheckpointMetadata, states: StreamStates? = nil, with calls: FileCalls = .system
    ) throws {
        try Checkpoint.write(
            to: path, metadata: metadata, layout: layout, parameters: parameters.pointer, optimizer: optimizer,
            states: states, with: calls)
    }
}

extension Replica {
    /// The number of elements that a worker copies at a time; they are still in its cache when it
    /// checks them.
    private static var block: Int { 1 << 15 }

    /// Copies the parameters and the optimizer's slots, using all workers.
    ///
    /// - Parameter snapshot: a snapshot with the same layout and optimizer.
    /// - Throws: `DTrainError` with `badData` that names the first tensor with a number that isn't
    ///   finite.
    package func copyState(to snapshot: CheckpointSnapshot) throws {
        let (state, saved) = (optimizerState, snapshot.optimizer)
        precondition(
            snapshot.layout == layout && saved.optimizer.slotNames == state.optimizer.slotNames,
            "the snapshot has the replica's tensors")
        saved.steps = state.steps
        let buffers =
            [(source: parameters, target: snapshot.parameters, title: "weights")]
            + zip(state.optimizer.slots, zip(state.slots, saved.slots)).map { slot, buffers in
                (source: buffers.0, target: buffers.1, title: slot.title)
            }
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
        for (_, target, title) in buffers {
            guard let name = layout.firstNonFinite(in: target.pointer) else { continue }
            throw DTrainError(
                .badData,
                "the \(title) of \(name) are not finite numbers after step \(state.steps), so they are not saved",
                hint: "lower `learning-rate` and continue from the last checkpoint with `resume`")
        }
    }
}
