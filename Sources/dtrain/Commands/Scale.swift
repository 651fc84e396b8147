import ArgumentParser
import DTrainCore
import DTrainDistributed
import Scaling

/// `dtrain scale`: how a training scales over threads and ranks, measured, and predicted beyond.
struct Scale: PassingCommand {
    static var passing: ArgumentCheck.Passing { .flags(except: reserved) }

    /// Flags of `dtrain train` that can't follow `--`: `dtrain scale` sets them for each training
    /// or doesn't support them.
    private static let reserved: Set = [
        "--metrics", "--profile", "--max-steps", "--epochs", "--checkpoint-dir", "--checkpoint-every-steps", "--keep",
        "--overwrite", "--resume", "--resume-from", "--quiet", "--data", "--batch-size", "--micro-batch-size",
        "--seq-length", "--tokens", "--threads", "--members", "--shuffle", "--no-shuffle", "--init", "--allreduce",
        "--extend-vocabulary", "--gradient-compression", "--stateful", "--validation-split", "--validation-data",
        "--validate-every-steps",
        "--early-stopping", "--min-delta", "--recipe", "--tensorboard", "--sample",
    ]

    static let configuration = CommandConfiguration(
        abstract: "Measure how training scales over threads and ranks, and predict more.",
        discussion: """
            Starts 'mpirun -np N dtrain train --profile' for each number of ranks in turn, and single processes with 1, 2, \
            4 … threads as the base. Recommends ranks × threads, and writes report.html with steps.csv, summary.csv and \
            experiment.json to the output folder.

            Ctrl-C ends it with a report on the finished runs; --resume continues. Flags of 'dtrain train' that are not \
            listed here go after '--'. docs/scaling.md explains every number.

              dtrain scale
              dtrain scale --ranks 1,2,4,8 --hostfile hosts
              dtrain scale --hostfile hosts --mpirun-args '--map-by node --bind-to none'
              dtrain scale --rnn-units 512 --steps 5 --repeats 3 -- --learning-rate 0.01
            """)

    @OptionGroup(title: "Experiment") var experiment: ScaleOptions
    @OptionGroup(title: "Launcher") var launcher: LauncherOptions
    @OptionGroup(title: "Data") var data: DataOptions
    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Training") var training: ScaledTrainingOptions

    @Argument(parsing: .postTerminator, help: "Further flags of 'dtrain train', after '--'.")
    var trainFlags: [String] = []

    func validate() throws {
        if let flag = trainFlags.map({ String($0.prefix { $0 != "=" }) }).first(where: Self.reserved.contains) {
            throw ValidationError(
                "\(flag) can't follow '--': 'dtrain scale' sets it or has no use for it; leave it out there"
            )
        }
        if experiment.resume, experiment.overwrite {
            throw ValidationError(
                "--resume continues the experiment in --output, which --overwrite deletes: use one of them")
        }
        if let path = data.text.given?.first(where: { $0 == "/dev/stdin" || $0.hasPrefix("/dev/fd/") }) {
            throw ValidationError(
                "--data \(path) can't be given to all runs that 'dtrain scale' starts: write the text to a file and pass that"
            )
        }
        if let most = experiment.baseThreads?.values.max(), most > ProcessorSet.defaultThreads {
            throw ValidationError(
                "--base-threads \(most) is more than the processors that this process may use, "
                    + "\(ProcessorSet.defaultThreads): lower it")
        }
        if LaunchEnvironment.current.usesMPI {
            throw ValidationError("'dtrain scale' starts mpirun itself: run it without a launcher")
        }
    }

    func run() throws {
        let data = try data.text.given ?? DefaultCorpus.paths()
        let settings = settings
        try settings.requireValid()
        try choice(settings).requireSequences(of: data, length: settings[.sequenceLength], tokens: settings[.tokens])
        let signals = ExperimentSignals()
        let output = try OutputFolder(
            experiment.output, overwrite: experiment.overwrite, resume: experiment.resume)
        defer { output.removeWork() }
        if try isFinished(output) { return }
        let launcher = try Launcher(
            program: launcher.mpirun, hostfile: launcher.hostfile, arguments: launcher.words, cores: Machine.cores,
            log: output.log)
        let runner = ScaleRunner(
            launcher: launcher, output: output, trainFlags: trainArguments(data, settings), choice: choice(settings),
            sequenceLength: settings[.sequenceLength], exchange: Workload.Exchange(settings),
            repeats: experiment.repeats, steps: experiment.steps, warmUp: experiment.warmUp, signals: signals,
            progress: try progress(output, identity(data, settings, launcher)))
        do {
            let isComplete = try runner.measure()
            try report(runner, isComplete: isComplete, settings, launcher, output)
            guard isComplete else { throw ExitCode(DTrainError.Category.stopped.rawValue) }
        } catch let error as DTrainError where !runner.progress.runs.isEmpty {
            Console.notice("\(runner.progress.runs.count) of \(runner.runCount) runs are kept: --resume continues")
            throw error
        }
    }

    /// Whether --resume finds a finished experiment.
    private func isFinished(_ output: OutputFolder) throws -> Bool {
        guard experiment.resume, !output.isUnfinished, output.holdsResults else { return false }
        guard (try? MappedFile(path: "\(output.path)/experiment.json")) != nil else {
            throw DTrainError(.usage, "--output '\(output.path)' holds no experiment of dtrain; name another folder")
        }
        Console.notice("the experiment in '\(output.path)' is finished: see \(output.path)/report.html")
        return true
    }

    /// The progress of an interrupted experiment; empty if there is none.
    private func progress(_ output: OutputFolder, _ identity: [String: String]) throws -> Progress {
        guard output.isUnfinished else { return Progress(settings: identity) }
        let path = "\(output.path)/\(Progress.name)"
        let progress = try Progress(path: path)
        let differences = progress.differences(from: identity)
        guard differences.isEmpty else {
            throw DTrainError(
                .usage,
                "'\(path)' was measured with \(differences.joined(separator: "; ")): use the same flags, or --overwrite"
            )
        }
        return progress
    }

    /// The settings shared by all runs; a resume must match them.
    private func identity(_ data: [String], _ settings: Settings, _ launcher: Launcher) -> [String: String] {
        let choice = choice(settings)
        // Absent without the flag, as in the files of versions that had none.
        let threads = choice.baseThreads.map { ["base threads": $0.map(String.init).joined(separator: ",")] } ?? [:]
        return threads.merging([
            "dtrain": dtrainVersion, "training": trainArguments(data, settings).joined(separator: " "),
            "batch size": "\(choice.batchSize)", "threads": choice.threads.map(String.init) ?? "default",
            "ranks": choice.ranks.map(String.init).joined(separator: ","),
            "mode": choice.modes.map(\.rawValue).joined(separator: ","), "cores": "\(choice.cores)",
            "steps": "\(experiment.steps)", "warm-up": "\(experiment.warmUp)", "MPI": launcher.name,
            "launcher": ([launcher.program, launcher.hostfile ?? ""] + launcher.arguments).joined(separator: " "),
        ]) { first, _ in first }
    }

    /// Writes the report on what has been measured, and says where it is.
    private func report(
        _ runner: ScaleRunner, isComplete: Bool, _ settings: Settings, _ launcher: Launcher, _ output: OutputFolder
    ) throws {
        let count = "\(runner.progress.runs.count) of \(runner.runCount) runs"
        let setting = Experiment.Setting(
            version: dtrainVersion, date: Machine.date, command: ChildProcess(command: CommandLine.arguments).line,
            mpi: launcher.name, model: description(settings), hosts: runner.progress.hosts, cores: Machine.cores,
            repeats: experiment.repeats, steps: experiment.steps, warmUp: experiment.warmUp,
            unfinished: isComplete ? nil : count)
        if let result = Experiment(setting, runner.measurements) {
            try ResultFiles.write(result, to: output.path)
            try Console.output(Terminal.shown(ScaleSummary.text(result)) + "\(output.path)/report.html\n")
        } else if isComplete {
            throw DTrainError(.internal, "no step of the base was measured; raise --steps")
        }
        if isComplete {
            output.finish()
        } else {
            Console.notice("stopped after \(count); resume with: \(resuming)")
        }
    }

    /// The command that continues the experiment.
    private var resuming: String {
        var words = CommandLine.arguments.filter { $0 != "--overwrite" && $0 != "--resume" }
        words.insert("--resume", at: words.firstIndex(of: "--") ?? words.endIndex)
        return RepeatedCommand.line(words)
    }

    /// The given settings, with training's defaults for the rest.
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
            baseThreads: experiment.baseThreads?.values, batchSize: settings[.batchSize],
            microBatchSize: settings[.microBatchSize],
            cores: min(Machine.cores, ProcessorSet.defaultThreads), processors: ProcessorSet.defaultThreads)
    }

    private static let exchange: [any AnySetting] = [Setting.gradientSummation, Setting.gradientCompression]

    /// The train flags shared by all runs.
    private func trainArguments(_ paths: [String], _ settings: Settings) -> [String] {
        // With the defaults, too: each run has a batch size of its own.
        let sizes = ["--micro-batch-size", "\(settings[.microBatchSize])"]
        let common: [any AnySetting] = [
            Setting.tokens, Setting.sequenceLength, Setting.shuffle, Setting.precision,
        ]
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
