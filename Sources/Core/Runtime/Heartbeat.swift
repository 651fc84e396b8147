import Synchronization

/// How far a rank has come: what the watch over a job's ranks looks at.
///
/// The training writes, a watching thread reads; neither waits for the other.
public final class Heartbeat: Sendable {
    /// Is told of each phase before it begins, with the rank's heartbeat; a failure to be tested may be thrown from it.
    public typealias Observer = @Sendable (Heartbeat, TrainingPosition) throws -> Void

    private let code = Atomic<Int>(-1)
    private let count = Atomic<Int>(0)
    private let observer: Observer?

    /// A rank that hasn't begun.
    ///
    /// - Parameter observer: is told of each phase before it begins.
    public init(observer: Observer? = nil) { self.observer = observer }

    /// Where the rank is; nil before the training.
    public var position: TrainingPosition? { TrainingPosition(code: code.load(ordering: .relaxed)) }

    /// Signs of life so far.
    public var beats: Int { count.load(ordering: .relaxed) }

    /// Notes that a phase begins.
    ///
    /// - Throws: what the observer throws; without one, nothing.
    public func enter(_ phase: TrainingPhase, step: Int) throws {
        let position = TrainingPosition(step: step, phase: phase)
        code.store(position.code, ordering: .relaxed)
        beat()
        try observer?(self, position)
    }

    /// Notes that the rank moves on within a phase: a long step must not be mistaken for a stuck one.
    public func beat() { count.add(1, ordering: .relaxed) }
}
