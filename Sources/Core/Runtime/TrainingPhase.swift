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

/// A step and a phase of the training.
package struct TrainingPosition: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The step, counted from 1; 0 before the first.
    package let step: Int
    /// The part of the step.
    package let phase: TrainingPhase

    /// Creates a position.
    package init(step: Int, phase: TrainingPhase) {
        self.step = step
        self.phase = phase
    }

    /// Decodes `code`; nil for a rank that hasn't begun.
    package init?(code: Int) {
        guard code >= 0, let phase = TrainingPhase(rawValue: code & 0xff) else { return nil }
        self.init(step: code >> 8, phase: phase)
    }

    /// Step and phase as one number, to be read and written atomically.
    package var code: Int { step << 8 | phase.rawValue }

    /// `at step 120 in exchange`, `in start-up`.
    package var description: String { phase == .startUp ? "in \(phase)" : "at step \(step) in \(phase)" }

    /// Whether the left position comes before the right one in the training.
    package static func < (left: Self, right: Self) -> Bool { left.code < right.code }
}
