import ArgumentParser
import DTrainCore

/// The flags of the held-out text.
struct HeldOutOptions: ParsableArguments {
    @Option(help: .setting(.validationSplit, valueName: "fraction"), transform: properFraction)
    private var validationSplit: Double?

    @Option(help: .setting(.validationData, valueName: "file"), completion: .file())
    private var validationData: String?

    @Option(help: .setting(.validateEverySteps, valueName: "n", isCommon: false), transform: positiveOrOff)
    private var validateEverySteps: OrOff<Int>?

    @Option(help: .setting(.earlyStopping), transform: positiveOrOff)
    private var earlyStopping: OrOff<Int>?

    @Option(help: .setting(.minDelta, isCommon: false), transform: nonNegativeNumber)
    private var minDelta: Double?

    func collect(into settings: inout Settings) {
        settings.take(.validationSplit, validationSplit)
        settings.take(.validationData, validationData)
        settings.take(.validateEverySteps, validateEverySteps.map(\.value))
        settings.take(.earlyStopping, earlyStopping.map(\.value))
        settings.take(.minDelta, minDelta)
    }
}
