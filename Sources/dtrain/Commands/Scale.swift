import ArgumentParser
import DTrainCore
import DTrainDistributed
import Scaling

/// `dtrain scale`: how a training scales over ranks, measured, and predicted beyond.
struct Scale: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure how training scales over ranks, and predict how it goes on.",
        discussion: """
            Starts 'mpirun -np N dtrain train --profile' for each number of ranks in turn, several times over, and single \
            processes as the base, and writes report.html with steps.csv, summary.csv and experiment.json into the output \
            folder. Flags of 'dtrain train' that are not listed here go behind '--'. docs/scaling.md explains every number.

              dtrain scale                                          this machine, 1, 2 and 4 ranks, the tutorial's model
              dtrain scale --hostfile hosts --ranks 1,2,4,8 --mpirun-args '--map-by node --bind-to none'
              dtrain scale --rnn-units 512 --steps 5 --repeats 3 -- --learning-rate 0.01
            """)

    @OptionGroup(title: "Experiment") var experiment: ScaleOptions
    @OptionGroup(title: "Launcher") var launcher: LauncherOptions
    @OptionGroup(title: "Data") var data: DataOptions
    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Training") var training: ScaledTrainingOptions

    @Argument(parsing: .postTerminator, help: "Further flags of 'dtrain train', behind '--'.")
    var trainFlags: [String] = []

    func validate() throws {
        let own = [
            "--metrics", "--profile", "--max-steps", "--epochs", "--checkpoint-dir", "--checkpoint-every-steps",
            "--keep",
            "--overwrite", "--resume", "--resume-from", "--quiet", "--data", "--batch-size", "--micro-batch-size",
            "--seq-length", "--threads", "--shuffle", "--no-shuffle", "--init", "--allreduce",
            "--gradient-compression",
        ]
        let names = trainFlags.map { String($0.prefix { $0 != "=" }) }
        if let flag = names.first(where: own.contains) {
            throw ValidationError(
                "\(flag) is not for behind '--': 'dtrain scale' has it itself or no use for it; leave it out there"
            )
        }
        if let path = data.text.given?.first(where: { $0 == "/dev/stdin" || $0.hasPrefix("/dev/fd/") }) {
            throw ValidationError(
                "--data \(path) can't be given to all runs that 'dtrain scale' starts: write the text to a file and name that"
            )
        }
        if LaunchEnvironment.current.usesMPI {
            throw ValidationError("'dtrain scale' starts mpirun itself: run it without a launcher")
        }
    }

    func run() throws {
        let data = try data.text.given ?? DefaultCorpus.paths()
        let settings = settings
        try settings.requirePossible()
        try choice(settings).requireSequences(of: data, length: settings[.sequenceLength])
        let output = try OutputFolder(experiment.output, overwrite: experiment.overwrite)
        defer { output.removeWork() }
        let launcher = try Launcher(
            program: launcher.mpirun, hostfile: launcher.hostfile, arguments: launcher.words, cores: Machine.cores,
            log: output.log)
        let runner = ScaleRunner(
            launcher: launcher, output: output, trainFlags: trainArguments(data, settings), choice: choice(settings),
            sequenceLength: settings[.sequenceLength], exchange: Workload.Exchange(settings),
            repeats: experiment.repeats, steps: experiment.steps, warmUp: experiment.warmUp)
        let measurements = try runner.measure()
        let setting = Experiment.Setting(
            version: dtrainVersion, date: Machine.date, command: ChildProcess(command: CommandLine.arguments).line,
            mpi: launcher.name, model: description(settings), hosts: runner.hosts, cores: Machine.cores,
            repeats: experiment.repeats, steps: experiment.steps, warmUp: experiment.warmUp)
        guard let result = Experiment(setting, measurements) else {
            throw DTrainError(.internal, "no step of the base was measured; raise --steps")
        }
        try ResultFiles.write(result, to: output.path)
        try Console.output(ScaleSummary.text(result) + "\(output.path)/report.html\n")
    }

    /// What was given, and the defaults of training for the rest.
    private var settings: Settings {
        var settings = Settings()
        data.collect(into: &settings)
        model.collect(into: &settings)
        training.collect(into: &settings)
        return settings
    }

    private func choice(_ settings: Settings) -> RunPlan.Choice {
        RunPlan.Choice(
            ranks: experiment.ranks.values, modes: experiment.mode.values, threads: settings[.threads],
            batchSize: settings[.batchSize], microBatchSize: settings[.microBatchSize],
            cores: min(Machine.cores, ProcessorSet.defaultThreads), processors: ProcessorSet.defaultThreads)
    }

    private static let exchange: [any AnySetting] = [Setting.gradientSummation, Setting.gradientCompression]

    /// What every run has in common.
    private func trainArguments(_ paths: [String], _ settings: Settings) -> [String] {
        // With the defaults, too: each run has a batch size of its own.
        let sizes = ["--micro-batch-size", "\(settings[.microBatchSize])"]
        let common: [any AnySetting] = [Setting.sequenceLength, Setting.shuffle, Setting.precision]
        return paths.flatMap { ["--data", $0] } + sizes + settings.flags(common + Settings.modelSizes + Self.exchange)
            + trainFlags
    }

    private func description(_ settings: Settings) -> String {
        let choice = settings.flags(Settings.modelSizes + Self.exchange) + trainFlags
        let sizes =
            "batch \(settings[.batchSize]) × \(settings[.sequenceLength]), micro-batches of "
            + "\(settings[.microBatchSize]), \(settings[.precision].rawValue)"
        return (choice.isEmpty ? "the tutorial's model" : choice.joined(separator: " ")) + ", " + sizes
    }
}
