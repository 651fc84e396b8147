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

    func run() throws {
        StopSignals.catchAll()
        let options = try options()
        // A reader of the output that leaves must not take the training with it.
        signal(SIGPIPE, SIG_IGN)
        let launch = LaunchEnvironment.current
        let printer = TrainingPrinter(
            showsBar: Console.outputIsTerminal(underLauncher: launch.usesMPI), isQuiet: job.quiet)
        var isComplete = true
        let code = Job.run(launch: launch, stallTimeout: options[.stallTimeout], spelling: Hints.spelled) {
            communicator in
            let plan = try TrainingPlan.make(
                try data.text.complete(options, communicator), communicator: communicator,
                defaultThreads: communicator.processors.defaultThreads,
                report: printer.show)
            for warning in try plan.placementWarnings() where communicator.isRoot { printer.show(.warning(warning)) }
            let training = try TrainingRun(plan, report: printer.show)
            // Whoever shows the error doesn't know of the bar.
            defer { printer.closeBar() }
            isComplete = try training.run()
            printer.showProfile()
        }
        throw ExitCode(code == 0 && !isComplete ? DTrainError.Category.stopped.rawValue : code)
    }

    private func options() throws -> TrainingOptions {
        var options = TrainingOptions(data: data.text.given ?? [], start: checkpoints.start)
        data.collect(into: &options.settings)
        model.collect(into: &options.settings)
        training.collect(into: &options.settings)
        checkpoints.collect(into: &options.settings)
        job.collect(into: &options.settings)
        return options
    }
}
