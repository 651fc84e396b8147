/// The shapes of a learning-rate schedule.
public enum ScheduleKind: String, Hashable, Sendable, Codable, CaseIterable {
    /// The same rate at every step.
    case constant
    /// A straight line to the final rate.
    case linear
    /// Half a cosine wave to the final rate.
    case cosine
    /// Exponential decay: a factor per decay period, applied gradually at each step.
    case exponential
    /// Step decay: a factor per decay period, applied at the period's end.
    case step
}

extension ScheduleKind: SettingValue {}
