/// A named set of settings.
public enum Recipe: String, CaseIterable, Sendable {
    /// The tutorial "Text generation with an RNN", whose settings are the defaults.
    case tutorial
    /// Andrej Karpathy's char-rnn (2015) with the defaults of its `train.lua` and an LSTM;
    /// docs/training.md lists the differences.
    case charRNN = "char-rnn"
    /// Aims at a low held-out loss on the tutorial's text within an hour on two cores;
    /// docs/best-shakespeare.md has the results.
    case bestShakespeare = "best-shakespeare"

    /// The settings of the recipe.
    public var settings: Settings {
        var settings = Settings()
        switch self {
        case .tutorial:
            settings[.cell] = .gru
            settings[.layers] = 1
            settings[.embeddingDim] = 256
            settings[.rnnUnits] = 1024
            settings[.batchSize] = 64
            settings[.sequenceLength] = 100
            settings[.epochs] = 20
            settings[.optimizer] = .adam
            settings[.learningRate] = 0.001
        case .charRNN:
            settings[.cell] = .lstm
            settings[.layers] = 2
            settings[.embeddingDim] = 128
            settings[.rnnUnits] = 128
            settings[.batchSize] = 50
            settings[.sequenceLength] = 50
            settings[.stateful] = true
            settings[.epochs] = 50
            settings[.optimizer] = .rmsprop
            settings[.learningRate] = 0.002
            settings[.rho] = 0.95
            // The script adds its ε outside the root, where it is too small to matter.
            settings[.epsilon] = 1e-16
            settings[.clipValue] = 5
            settings[.schedule] = .step
            // The script decays after each epoch from the tenth, so the eleventh is the first with
            // a lower rate.
            settings[.decayStart] = .epochs(9)
            settings[.decaySteps] = .epochs(1)
            settings[.decayRate] = 0.97
            settings[.validationSplit] = 0.05
        case .bestShakespeare:
            settings[.cell] = .gru
            settings[.layers] = 1
            settings[.embeddingDim] = 64
            settings[.rnnUnits] = 768
            settings[.batchSize] = 16
            settings[.sequenceLength] = 64
            settings[.stateful] = true
            settings[.epochs] = 50
            settings[.dropout] = 0.5
            settings[.recurrentDropout] = 0.3
            settings[.optimizer] = .adam
            settings[.learningRate] = 0.003
            settings[.clipNorm] = 1
            settings[.schedule] = .cosine
            settings[.warmupSteps] = .steps(100)
            settings[.validationSplit] = 0.1
            // Nearly twice as fast where the CPU has instructions for it, and no slower elsewhere.
            settings[.precision] = .bf16
        }
        return settings
    }

    /// The recipe's settings, overridden by given ones.
    ///
    /// A recipe's setting that a given one makes useless or invalid is dropped, such as ρ when
    /// another optimizer is given.
    ///
    /// - Parameters:
    ///   - given: the settings that override the recipe's.
    ///   - hasInitialWeights: whether training starts from a weights file, which then sets the
    ///     model's sizes.
    public func settings(with given: Settings, hasInitialWeights: Bool = false) -> Settings {
        var result = settings
        if hasInitialWeights { result.removeModelSizes() }
        if given.isGiven(.optimizer), given[.optimizer] != result[.optimizer] {
            result.remove(.rho)
            result.remove(.epsilon)
        }
        if given.isGiven(.schedule), given[.schedule] != result[.schedule] {
            result.remove(.decayStart)
            result.remove(.decaySteps)
            result.remove(.decayRate)
        }
        if given[.clipNorm] != nil { result.remove(.clipValue) }
        if given[.clipValue] != nil { result.remove(.clipNorm) }
        if given[.validationData] != nil { result.remove(.validationSplit) }
        if given.isGiven(.shuffle) && given[.shuffle] || given[.scheduledSampling] > 0 { result.remove(.stateful) }
        result.take(given)
        return result
    }

    /// The settings as a user writes them: `cell lstm, layers 2, …`.
    public var summary: String {
        let settings = settings
        return (Settings.modelSizes + Settings.training).filter { $0.isGiven(in: settings) }
            .map { $0.isSwitch ? $0.name : "\($0.name) \($0.text(in: settings))" }.joined(separator: ", ")
    }
}
