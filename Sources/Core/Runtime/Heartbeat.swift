import Synchronization

/// The progress of one rank, which a watching thread reads to detect stalls.
///
/// Any thread of the rank may beat, and the watching thread reads; none waits for another.
public final class Heartbeat: Sendable {
    /// A callback before each phase, with the rank's heartbeat and the position it enters; tests
    /// inject failures here.
    package typealias Observer = @Sendable (Heartbeat, TrainingPosition) throws -> Void

    private let code = Atomic<Int>(-1)
    private let count = Atomic<Int>(0)
    private let observer: Observer?

    /// Creates the heartbeat of a rank that hasn't started to train.
    package init() { observer = nil }

    /// Creates a heartbeat that calls `observer` before each phase.
    package init(observer: @escaping Observer) { self.observer = observer }

    /// The rank's position; nil before training starts.
    package var position: TrainingPosition? { TrainingPosition(code: code.load(ordering: .relaxed)) }

    /// The number of beats so far.
    package var beats: Int { count.load(ordering: .relaxed) }

    /// Records the start of a phase.
    ///
    /// - Throws: the observer's error.
    package func enter(_ phase: TrainingPhase, step: Int) throws {
        let position = TrainingPosition(step: step, phase: phase)
        code.store(position.code, ordering: .relaxed)
        beat()
        try observer?(self, position)
    }

    /// Records progress within a phase, so that a long step isn't mistaken for a stall.
    public func beat() { count.add(1, ordering: .relaxed) }
}
