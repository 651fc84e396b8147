/// A part of a training step.
package enum TrainingPhase: Int, Sendable, CaseIterable, CustomStringConvertible {
    case startUp, forward, exchange, update, validation, save

    /// The name that messages use.
    package var description: String {
        switch self {
        case .startUp: "start-up"
        case .forward: "forward/backward"
        case .exchange: "exchange"
        case .update: "update"
        case .validation: "validation"
        case .save: "save"
        }
    }
}

/// A step and a phase of a training run.
package struct TrainingPosition: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The step, counted from 1; 0 before the first step.
    package let step: Int
    /// The part of the step.
    package let phase: TrainingPhase

    /// Creates a position.
    package init(step: Int, phase: TrainingPhase) {
        self.step = step
        self.phase = phase
    }

    /// Decodes `code`; nil for a rank that hasn't started.
    package init?(code: Int) {
        guard code >= 0, let phase = TrainingPhase(rawValue: code & 0xff) else { return nil }
        self.init(step: code >> 8, phase: phase)
    }

    /// The step and phase as one number, for atomic access.
    package var code: Int { step << 8 | phase.rawValue }

    /// `at step 120 in exchange`, `in start-up`.
    package var description: String { phase == .startUp ? "in \(phase)" : "at step \(step) in \(phase)" }

    /// Returns whether the left position comes before the right one.
    package static func < (left: Self, right: Self) -> Bool { left.code < right.code }
}
