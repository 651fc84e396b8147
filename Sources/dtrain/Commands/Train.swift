import ArgumentParser
import DTrainCore
import DTrainDistributed
import Glibc
import TensorBoard

/// `dtrain train`: trains a model.
struct Train: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Train a model.",
        discussion: """
            Trains in one process, or data-parallel under 'mpirun -np N'. The weights are the same, bit for bit, for any \
            number of ranks and threads. The defaults are those of the tutorial "Text generation with an RNN".

            Ctrl-C, SIGTERM, SIGHUP or SIGUSR1 to any rank saves a checkpoint after the current step and exits with \
            code 75; resume with --resume. A second Ctrl-C stops at once.

            'dtrain train --help' lists the common flags, 'dtrain train --help-all' all of them.
            """)

    @Option(help: "Named set of flags; other flags override it.")
    var recipe: Recipe?

    @OptionGroup(title: "Data") var data: DataOptions
    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Training") var training: LearningOptions
    @OptionGroup(title: "Optimizer and schedule") var optimizer: OptimizerOptions
    @OptionGroup(title: "Held-out data") var heldOut: HeldOutOptions
    @OptionGroup(title: "Checkpoints") var checkpoints: CheckpointOptions
    @OptionGroup(title: "Job and output") var job: JobOptions

    func run() throws {
        let launch = LaunchEnvironment.current
        catchSignals(launch)
        let options = try options()
        // A closed output pipe must not end the training.
        signal(SIGPIPE, SIG_IGN)
        let printer = TrainingPrinter(
            showsBar: Console.isTerminal(underLauncher: launch.usesMPI), isLaunched: launch.usesMPI, isQuiet: job.quiet)
        var isComplete = true
        let code = Job.run(launch: launch, stallTimeout: options[.stallTimeout], spelling: Hints.spelled) {
            communicator in
            if communicator.isRoot, let recipe {
                printer.show(.notice("recipe \(recipe.rawValue): \(recipe.summary)"))
            }
            let plan = try TrainingPlan.make(
                try data.text.complete(options, communicator), communicator: communicator,
                defaultThreads: communicator.processors.defaultThreads,
                report: printer.show)
            for warning in try plan.placementWarnings() where communicator.isRoot { printer.show(.warning(warning)) }
            let training = try TrainingRun(plan, openLog: TensorBoardLog.open, report: printer.show)
            // The code that prints an error doesn't know about the bar.
            defer { printer.closeBar() }
            isComplete = try training.run()
            printer.showEnd(isComplete: isComplete)
        }
        throw ExitCode(code == 0 && !isComplete ? DTrainError.Category.stopped.rawValue : code)
    }

    /// Catches stop signals.
    ///
    /// Rank 0 prints what a signal does, unless a supervisor prints it, as it does for jobs of Open
    /// MPI's launcher.
    private func catchSignals(_ launch: LaunchEnvironment) {
        let launcher = launch.usesMPI ? Ancestor.all.first(where: \.isLauncher) : nil
        let isAnnounced = Supervision.signal != nil && getenv("OMPI_COMM_WORLD_SIZE") != nil
        StopSignals.catchAll(
            announces: (launch.rank ?? 0) == 0 && !isAnnounced, launcher: launcher?.process ?? 0,
            launcherIsAtTerminal: launcher?.isAtTerminal ?? false)
        TerminalLine.isShared = launch.usesMPI && Console.isTerminal(STDERR_FILENO, underLauncher: true)
    }

    private func options() throws -> TrainingOptions {
        var options = TrainingOptions(data: data.text.given ?? [], start: checkpoints.start)
        data.collect(into: &options.settings)
        model.collect(into: &options.settings)
        training.collect(into: &options.settings)
        optimizer.collect(into: &options.settings)
        heldOut.collect(into: &options.settings)
        checkpoints.collect(into: &options.settings)
        job.collect(into: &options.settings)
        if let recipe {
            let hasInitialWeights = if case .weights = options.start { true } else { false }
            options.settings = recipe.settings(with: options.settings, hasInitialWeights: hasInitialWeights)
        }
        return options
    }
}
