/// What a rank is doing within a step.
public enum TrainingPhase: Int, Sendable, CaseIterable, CustomStringConvertible {
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
public struct TrainingPosition: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The step, the first being 1; 0 before it.
    public let step: Int
    /// The part of the step.
    public let phase: TrainingPhase

    /// A place in the training.
    public init(step: Int, phase: TrainingPhase) {
        self.step = step
        self.phase = phase
    }

    /// Reads what `code` tells; nil for a rank that hasn't said where it is.
    public init?(code: Int) {
        guard code >= 0, let phase = TrainingPhase(rawValue: code & 0xff) else { return nil }
        self.init(step: code >> 8, phase: phase)
    }

    /// One number, so that step and phase are always read together.
    public var code: Int { step << 8 | phase.rawValue }

    /// `at step 120 in exchange`, `in start-up`.
    public var description: String { phase == .startUp ? "in \(phase)" : "at step \(step) in \(phase)" }

    /// Whether one comes before the other in the training.
    public static func < (left: Self, right: Self) -> Bool { left.code < right.code }
}
