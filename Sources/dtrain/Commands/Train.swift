import ArgumentParser
import DTrainCore
import DTrainDistributed
import Glibc

/// `dtrain train`: the main job.
struct Train: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Train a model (the default command).",
        discussion: """
            Alone it is one process; under 'mpirun -np N' each rank works on its share of every batch, and the weights are the \
            same, bit for bit, for any number of ranks and threads. The defaults are those of the tutorial "Text generation \
            with an RNN". SIGTERM, SIGINT or SIGUSR1 to any rank ends the job after the step, with a checkpoint and exit \
            code 75: run it again with --resume. A second SIGINT ends it at once.
            """)

    @OptionGroup(title: "Data") var data: DataOptions
    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Training") var training: LearningOptions
    @OptionGroup(title: "Checkpoints") var checkpoints: CheckpointOptions
    @OptionGroup(title: "Job and output") var job: JobOptions

    func validate() throws {
        if checkpoints.initialWeights != nil, checkpoints.resume || checkpoints.resumeFrom != nil {
            throw ValidationError("--init starts a new training and --resume goes on with one: use one of them")
        }
        if checkpoints.resume, checkpoints.resumeFrom != nil {
            throw ValidationError("--resume and --resume-from exclude each other: use one of them")
        }
        if checkpoints.overwrite, checkpoints.resume {
            throw ValidationError("--overwrite deletes the checkpoints that --resume goes on from: use one of them")
        }
        if training.microBatchSize > data.batchSize {
            throw ValidationError(
                "--micro-batch-size \(training.microBatchSize) is larger than --batch-size \(data.batchSize): lower it")
        }
    }

    func run() throws {
        StopSignals.catchAll()
        let options = try options()
        // A reader of the output that leaves must not take the training with it.
        signal(SIGPIPE, SIG_IGN)
        let launch = LaunchEnvironment.current
        let printer = TrainingPrinter(
            showsBar: Console.outputIsTerminal(underLauncher: launch.usesMPI), isQuiet: job.quiet)
        var isComplete = true
        let code = Job.run(launch: launch, stallTimeout: job.stallTimeout, hints: .commandLine) { communicator in
            try warnOfCrowding(communicator, printer)
            let training = try TrainingRun(
                options, communicator: communicator, defaultThreads: communicator.processors.defaultThreads,
                report: printer.show)
            // Whoever shows the error doesn't know of the bar.
            defer { printer.closeBar() }
            isComplete = try training.run()
            printer.showProfile()
        }
        throw ExitCode(code == 0 && !isComplete ? DTrainError.Category.stopped.rawValue : code)
    }

    /// On rank 0, for the host that needs it most; collective.
    private func warnOfCrowding(_ communicator: any Communicator, _ printer: TrainingPrinter) throws {
        guard let crowded = try communicator.mostCrowdedHost(), communicator.isRoot else { return }
        let processors = crowded.processors
        printer.show(
            .warning(
                "\(crowded.ranks) ranks share the \(processors) core\(processors == 1 ? "" : "s") of "
                    + "\(crowded.host), which is slower than one rank a core: start \(processors) there"))
    }

    private func options() throws -> TrainingOptions {
        var options = TrainingOptions(data: try data.file())
        options.epochs = training.epochs
        options.maxSteps = training.maxSteps
        options.batchSize = data.batchSize
        options.microBatchSize = training.microBatchSize
        options.sequenceLength = data.seqLength
        options.shuffle = data.shuffle
        options.model = model.choice
        options.learningRate = training.learningRate
        options.clipNorm = training.clipNorm
        options.seed = training.seed
        options.precision = training.precision
        options.threads = job.threads
        options.start = checkpoints.start
        options.checkpointDirectory = checkpoints.checkpointDir
        options.checkpointEverySteps = checkpoints.checkpointEverySteps
        options.keep = checkpoints.keep
        options.overwrite = checkpoints.overwrite
        options.metrics = job.metrics
        options.verifyReplicas = job.verifyReplicas
        options.allreduce = job.allreduce
        options.gradientCompression = job.gradientCompression
        options.profile = job.profile
        return options
    }
}

extension StallHints {
    /// The hints of `dtrain train`.
    fileprivate static var commandLine: StallHints {
        var hints = StallHints()
        hints.lost = "go on from the last checkpoint with --resume"
        hints.stalled = "look at what holds it up, go on with --resume, or allow more with --stall-timeout"
        hints.stalledOutsideTraining = "look at what holds it up, or allow more with --stall-timeout"
        return hints
    }
}
