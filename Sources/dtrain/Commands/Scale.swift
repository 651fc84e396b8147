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
        if training.microBatchSize > data.batchSize {
            throw ValidationError(
                "--micro-batch-size \(training.microBatchSize) is larger than --batch-size \(data.batchSize): lower it")
        }
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
        if LaunchEnvironment.current.usesMPI {
            throw ValidationError("'dtrain scale' starts mpirun itself: run it without a launcher")
        }
    }

    func run() throws {
        let data = try data.file()
        try choice.requireSequences(of: data, length: self.data.seqLength)
        let output = try OutputFolder(experiment.output, overwrite: experiment.overwrite)
        defer { output.removeWork() }
        let launcher = try Launcher(
            program: launcher.mpirun, hostfile: launcher.hostfile, arguments: launcher.words, cores: Machine.cores,
            log: output.log)
        let runner = ScaleRunner(
            launcher: launcher, output: output, trainFlags: trainArguments(data), choice: choice,
            sequenceLength: self.data.seqLength, exchange: training.exchange, repeats: experiment.repeats,
            steps: experiment.steps,
            warmUp: experiment.warmUp)
        let measurements = try runner.measure()
        let setting = Experiment.Setting(
            version: dtrainVersion, date: Machine.date, command: ChildProcess(command: CommandLine.arguments).line,
            mpi: launcher.name, model: description, hosts: runner.hosts, cores: Machine.cores,
            repeats: experiment.repeats, steps: experiment.steps, warmUp: experiment.warmUp)
        guard let result = Experiment(setting, measurements) else {
            throw DTrainError(.internal, "no step of the base was measured; raise --steps")
        }
        try ResultFiles.write(result, to: output.path)
        try Console.output(ScaleSummary.text(result) + "\(output.path)/report.html\n")
    }

    private var choice: RunPlan.Choice {
        RunPlan.Choice(
            ranks: experiment.ranks.values, modes: experiment.mode.values, threads: training.threads,
            batchSize: data.batchSize, microBatchSize: training.microBatchSize, cores: Machine.cores,
            processors: ProcessorSet.current.count)
    }

    /// What every run has in common.
    private func trainArguments(_ path: String) -> [String] {
        var arguments = ["--data", path, "--seq-length", "\(data.seqLength)"]
        if !data.shuffle { arguments.append("--no-shuffle") }
        arguments += ["--micro-batch-size", "\(training.microBatchSize)", "--precision", training.precision.rawValue]
        for (name, value) in model.choice.flags { if let value { arguments += [name, value] } }
        return arguments + training.exchangeFlags + trainFlags
    }

    private var description: String {
        let choice =
            model.choice.flags.compactMap { flag in flag.value.map { "\(flag.name) \($0)" } }
            + training.exchangeFlags + trainFlags
        let sizes =
            "batch \(data.batchSize) × \(data.seqLength), micro-batches of \(training.microBatchSize), "
            + training.precision.rawValue
        return (choice.isEmpty ? "the tutorial's model" : choice.joined(separator: " ")) + ", " + sizes
    }
}
