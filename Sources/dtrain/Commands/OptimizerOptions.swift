import ArgumentParser
import DTrainCore

/// The flags of the optimizer, gradient clipping and frozen layers.
struct OptimizerOptions: ParsableArguments {
    @Option(help: .setting(.optimizer))
    private var optimizer: OptimizerKind?

    @Option(help: .setting(.learningRate), transform: positiveNumber)
    private var learningRate: Double?

    @Option(help: .setting(.beta1, isCommon: false), transform: fraction)
    private var beta1: Double?

    @Option(help: .setting(.beta2, isCommon: false), transform: fraction)
    private var beta2: Double?

    @Option(help: .setting(.epsilon, isCommon: false), transform: positiveNumber)
    private var epsilon: Double?

    @Option(help: .setting(.rho, isCommon: false), transform: fraction)
    private var rho: Double?

    @Option(help: .setting(.momentum, isCommon: false), transform: fraction)
    private var momentum: Double?

    @Option(help: .setting(.weightDecay, isCommon: false), transform: nonNegativeNumber)
    private var weightDecay: Double?

    @Option(help: .setting(.clipNorm), transform: positiveNumberOrOff)
    private var clipNorm: OrOff<Double>?

    @Option(help: .setting(.clipValue, isCommon: false), transform: positiveNumberOrOff)
    private var clipValue: OrOff<Double>?

    @Option(help: .setting(.freeze, valueName: "layers", isCommon: false), transform: layerList)
    private var freeze: FrozenLayers?

    @OptionGroup private var schedule: ScheduleOptions

    func collect(into settings: inout Settings) {
        settings.take(.optimizer, optimizer)
        settings.take(.learningRate, learningRate)
        settings.take(.beta1, beta1)
        settings.take(.beta2, beta2)
        settings.take(.epsilon, epsilon)
        settings.take(.rho, rho)
        settings.take(.momentum, momentum)
        settings.take(.weightDecay, weightDecay)
        settings.take(.clipNorm, clipNorm.map(\.value))
        settings.take(.clipValue, clipValue.map(\.value))
        settings.take(.freeze, freeze)
        schedule.collect(into: &settings)
    }
}

/// Reads names of layers separated by commas, or `none`.
private func layerList(_ text: String) throws -> FrozenLayers {
    guard let layers = FrozenLayers(text) else {
        throw ValidationError("give names of layers separated by commas, such as embedding,gru, or none")
    }
    return layers
}

/// The flags of the learning-rate schedule.
struct ScheduleOptions: ParsableArguments {
    @Option(help: .setting(.schedule))
    private var schedule: ScheduleKind?

    @Option(help: .setting(.warmupSteps, valueName: "count"), transform: stepCount)
    private var warmupSteps: StepCount?

    @Option(help: .setting(.decayStart, valueName: "count", isCommon: false), transform: stepCount)
    private var decayStart: StepCount?

    @Option(help: .setting(.decaySteps, valueName: "count", isCommon: false), transform: stepCountOrHorizon)
    private var decaySteps: OrOff<StepCount>?

    @Option(help: .setting(.decayRate, isCommon: false), transform: factor)
    private var decayRate: Double?

    @Option(help: .setting(.finalLearningRate, isCommon: false), transform: nonNegativeNumber)
    private var finalLearningRate: Double?

    func collect(into settings: inout Settings) {
        settings.take(.schedule, schedule)
        settings.take(.warmupSteps, warmupSteps)
        settings.take(.decayStart, decayStart)
        settings.take(.decaySteps, decaySteps.map(\.value))
        settings.take(.decayRate, decayRate)
        settings.take(.finalLearningRate, finalLearningRate)
    }
}
