/// The shapes of the learning rate over the steps of a training.
public enum ScheduleKind: String, Hashable, Sendable, Codable, CaseIterable {
    /// The same rate at every step.
    case constant
    /// A straight line to the final rate.
    case linear
    /// Half a cosine wave to the final rate.
    case cosine
    /// The same factor every so many steps, applied in part at each step.
    case exponential
    /// The same factor every so many steps, applied at once.
    case step
}

extension ScheduleKind: SettingValue {}
