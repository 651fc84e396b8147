import ArgumentParser
import DTrainCore
import Scaling

struct ScaleOptions: ParsableArguments {
    @Option(
        help: .init("Rank counts to measure, separated by commas (default: 1,2,4).", valueName: "list"),
        transform: countList)
    var ranks = CommaList(values: [1, 2, 4])

    @Option(
        help: .init(
            "Thread counts of one process, separated by commas (default: 1,2,4 … the cores).", valueName: "list"),
        transform: countList)
    var baseThreads: CommaList<Int>?

    @Option(
        help: .init(
            "strong: divide --batch-size among the ranks; weak: --batch-size per rank (default: strong,weak).",
            valueName: "list"), transform: modeList)
    var mode = CommaList(values: [Series.strong, .weak])

    @Option(help: "Runs of each configuration (default: 5).", transform: positive)
    var repeats = 5

    @Option(help: "Measured steps per run (default: 10).", transform: positive)
    var steps = 10

    @Option(help: "Warm-up steps per run, not measured (default: 3).", transform: wholeNumber)
    var warmUp = 3

    @Option(
        help: .init("Folder for the report and the raw data.", valueName: "dir"),
        completion: .directory)
    var output = "scaling"

    @Flag(help: "Replace an earlier experiment's files in the folder.")
    var overwrite = false

    @Flag(help: "Continue the folder's unfinished experiment, or start one.")
    var resume = false
}

struct LauncherOptions: ParsableArguments {
    @Option(
        help: .init(
            "Hosts for mpirun, this machine first (default: this machine alone; more ranks than cores share them).",
            valueName: "file"), completion: .file())
    var hostfile: String?

    @Option(help: .init("Launcher of the MPI library.", valueName: "program"))
    var mpirun = "mpirun"

    @Option(
        parsing: .unconditional,
        help: .init("Arguments for the launcher, separated by spaces: '--bind-to none'.", valueName: "words"))
    var mpirunArgs = ""

    var words: [String] { mpirunArgs.split(separator: " ").map(String.init) }
}

struct ScaledTrainingOptions: ParsableArguments {
    @Option(help: .setting(.microBatchSize), transform: positive)
    private var microBatchSize: Int?

    @Option(help: .setting(.precision))
    private var precision: Precision?

    @OptionGroup private var exchange: ExchangeOptions

    func collect(into settings: inout Settings) {
        settings.take(.microBatchSize, microBatchSize)
        settings.take(.precision, precision)
        exchange.collect(into: &settings)
    }
}

extension Workload.Exchange {
    /// The exchange of a training with these settings.
    init(_ settings: Settings) {
        self =
            settings[.gradientSummation] == .library
            ? .library : settings[.gradientCompression] == GradientCompression.none ? .tree : .compressed
    }
}

/// Values that were separated by commas.
struct CommaList<Value: Sendable>: Sendable {
    let values: [Value]
}

private func countList(_ text: String) throws -> CommaList<Int> {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    let counts = parts.compactMap { Int($0) }.filter { (1...65_536).contains($0) }
    guard counts.count == parts.count, Set(counts).count == counts.count else {
        throw ValidationError("give different whole numbers from 1 to 65536, separated by commas, such as 1,2,4")
    }
    return CommaList(values: counts.sorted())
}

private func modeList(_ text: String) throws -> CommaList<Series> {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    let series = parts.compactMap { Series(rawValue: String($0)) }.filter { $0 == .strong || $0 == .weak }
    guard series.count == parts.count, Set(series).count == series.count else {
        throw ValidationError("give strong, weak, or strong,weak")
    }
    return CommaList(values: [Series.strong, .weak].filter(series.contains))
}
