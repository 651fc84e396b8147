/// The built-in optimizers.
public enum OptimizerKind: String, Hashable, Sendable, Codable, CaseIterable {
    /// Adam.
    case adam
    /// Adam with decoupled weight decay.
    case adamw
    /// RMSprop.
    case rmsprop
    /// Stochastic gradient descent with optional momentum.
    case sgd
}

extension OptimizerKind: SettingValue {}
