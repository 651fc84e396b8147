/// The optimisers that a setting can name.
public enum OptimizerKind: String, Hashable, Sendable, Codable, CaseIterable {
    /// Adam.
    case adam
    /// Adam with decoupled weight decay.
    case adamw
    /// RMSprop.
    case rmsprop
    /// Stochastic gradient descent, with momentum if wanted.
    case sgd
}

extension OptimizerKind: SettingValue {}
