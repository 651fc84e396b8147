import ArgumentParser
import Reports

/// The trainings that a command looks at.
struct RunOptions: ParsableArguments {
    /// How they are found, for the help of commands.
    static let discussion = """
        RUN is a metrics file or a folder of checkpoints; each is found by the other's name: run.jsonl and folder run, or one .jsonl \
        inside the folder. NAME=RUN gives it a name of your own.
        """

    @Argument(help: .init("Metrics files or folders of checkpoints.", valueName: "run"), completion: .file())
    var words: [String]

    /// Reads them, and says what is wrong with some of their files.
    func read() throws -> [Run] {
        let runs = try Run.all(words)
        for remark in runs.flatMap(\.remarks) { Console.warning(remark) }
        return runs
    }
}
