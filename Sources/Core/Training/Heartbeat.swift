import Synchronization

/// How far a rank has come: what the watch over a job's ranks looks at.
///
/// The training writes, a watching thread reads; neither waits for the other.
public final class Heartbeat: Sendable {
    /// What a rank is doing within a step.
    public enum Phase: Int, Sendable, CaseIterable, CustomStringConvertible {
        case startUp, forward, exchange, update, save

        /// The phase as users are told it.
        public var description: String {
            switch self {
            case .startUp: "start-up"
            case .forward: "forward/backward"
            case .exchange: "exchange"
            case .update: "update"
            case .save: "save"
            }
        }
    }

    /// A place in the training.
    public struct Position: Hashable, Sendable, Comparable, CustomStringConvertible {
        /// The step, the first being 1; 0 before it.
        public let step: Int
        /// The part of the step.
        public let phase: Phase

        /// A place in the training.
        public init(step: Int, phase: Phase) {
            self.step = step
            self.phase = phase
        }

        /// Reads what `code` tells; nil for a rank that hasn't said where it is.
        public init?(code: Int) {
            guard code >= 0, let phase = Phase(rawValue: code & 0xff) else { return nil }
            self.init(step: code >> 8, phase: phase)
        }

        /// One number, so that step and phase are always read together.
        public var code: Int { step << 8 | phase.rawValue }

        /// `at step 120 in exchange`, `in start-up`.
        public var description: String { phase == .startUp ? "in \(phase)" : "at step \(step) in \(phase)" }

        /// Whether one comes before the other in the training.
        public static func < (left: Self, right: Self) -> Bool { left.code < right.code }
    }

    /// Is told of each phase before it begins, with the rank's heartbeat; a failure to be tested may be thrown from it.
    public typealias Observer = @Sendable (Heartbeat, Position) throws -> Void

    private let code = Atomic<Int>(-1)
    private let count = Atomic<Int>(0)
    private let observer: Observer?

    /// A rank that hasn't begun.
    ///
    /// - Parameter observer: is told of each phase before it begins.
    public init(observer: Observer? = nil) { self.observer = observer }

    /// Where the rank is; nil before the training.
    public var position: Position? { Position(code: code.load(ordering: .relaxed)) }

    /// Signs of life so far.
    public var beats: Int { count.load(ordering: .relaxed) }

    /// Notes that a phase begins.
    ///
    /// - Throws: what the observer throws; without one, nothing.
    public func enter(_ phase: Phase, step: Int) throws {
        let position = Position(step: step, phase: phase)
        code.store(position.code, ordering: .relaxed)
        beat()
        try observer?(self, position)
    }

    /// Notes that the rank moves on within a phase: a long step must not be mistaken for a stuck one.
    public func beat() { count.add(1, ordering: .relaxed) }
}
