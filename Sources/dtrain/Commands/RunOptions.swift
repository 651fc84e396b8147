import ArgumentParser
import Reports

/// The runs that a command reads.
struct RunOptions: ParsableArguments {
    /// Help text: how a run's files are found.
    static let discussion = """
        RUN is a metrics file or a folder of checkpoints. The other is found by its name: run.jsonl beside folder run, or \
        the only .jsonl inside it. NAME=RUN names the run.
        """

    @Argument(help: .init("Metrics files or folders of checkpoints.", valueName: "run"), completion: .file())
    var words: [String]

    /// Reads the runs, and warns about files that were left out.
    func read() throws -> [Run] {
        let runs = try Run.all(words)
        for remark in runs.flatMap(\.remarks) { Console.warning(remark) }
        return runs
    }
}
