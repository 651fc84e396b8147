/// A part of a training step.
public enum TrainingPhase: Int, Sendable, CaseIterable, CustomStringConvertible {
    case startUp, forward, exchange, update, save

    /// The name that messages use.
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

/// A step and a phase of the training.
public struct TrainingPosition: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The step, counted from 1; 0 before the first.
    public let step: Int
    /// The part of the step.
    public let phase: TrainingPhase

    /// Creates a position.
    public init(step: Int, phase: TrainingPhase) {
        self.step = step
        self.phase = phase
    }

    /// Decodes `code`; nil for a rank that hasn't begun.
    public init?(code: Int) {
        guard code >= 0, let phase = TrainingPhase(rawValue: code & 0xff) else { return nil }
        self.init(step: code >> 8, phase: phase)
    }

    /// Step and phase as one number, to be read and written atomically.
    public var code: Int { step << 8 | phase.rawValue }

    /// `at step 120 in exchange`, `in start-up`.
    public var description: String { phase == .startUp ? "in \(phase)" : "at step \(step) in \(phase)" }

    /// Whether the left position comes before the right one in the training.
    public static func < (left: Self, right: Self) -> Bool { left.code < right.code }
}
