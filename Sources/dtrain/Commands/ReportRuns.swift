import ArgumentParser
import DTrainCore
import Reports

/// `dtrain report`: writes a page about runs.
struct ReportRuns: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Write a page about one run, or several side by side.",
        discussion: """
            Shows losses, learning rate, gradient norm, speed, where the time went, settings that differ and sample texts \
            of the checkpoints. The page loads nothing else. \(RunOptions.discussion)

              dtrain report run.jsonl --output report.html
              dtrain report 'plain=run-0' 'dropout=run-0.4' --output report.html
              dtrain report run-0 run-0.4 --output losses.svg
            """)

    @OptionGroup var runs: RunOptions

    @Option(
        help: .init("Page (.html), or picture of the losses by epoch (.svg).", valueName: "file"), completion: .file())
    var output: String

    @Option(help: "Prompt of the sample texts (default: a newline).")
    var prompt: String?

    @Option(help: "Characters per sample text; 0 for none (default: 300).", transform: wholeNumber)
    var length: Int?

    @Option(help: "Sampling temperature (default: 1).", transform: temperatureNumber)
    var temperature: Double?

    @Option(help: "Checkpoints sampled per run, spread evenly (default: 8).", transform: positive)
    var checkpoints: Int?

    @Option(help: "Worker threads (default: cores).", transform: positive)
    var threads: Int?

    private var isPicture: Bool { output.hasSuffix(".svg") }

    func validate() throws {
        guard runs.words.count <= Run.maximumPerPage else {
            throw ValidationError(
                "a page shows at most \(Run.maximumPerPage) runs, not \(runs.words.count): name fewer, or use 'dtrain compare'"
            )
        }
        guard prompt != "" else { throw ValidationError("--prompt is empty: give at least one character") }
        if let length, length > 100_000 {
            throw ValidationError("--length \(length) is too long for a page: give at most 100000")
        }
        guard isPicture || output.hasSuffix(".html") || output.hasSuffix(".htm") else {
            throw ValidationError("--output '\(output)' ends in neither .html nor .svg: name a file that does")
        }
        try refuseUselessFlags()
    }

    /// Refuses sample-text flags if no sample texts are written.
    private func refuseUselessFlags() throws {
        guard isPicture || length == 0 else { return }
        let given = [
            ("--prompt", prompt != nil), ("--temperature", temperature != nil), ("--checkpoints", checkpoints != nil),
            ("--threads", threads != nil), ("--length", length != nil && isPicture),
        ]
        guard let flag = given.first(where: \.1)?.0 else { return }
        let reason = isPicture ? "a picture (.svg), which has no sample texts" : "--length 0"
        throw ValidationError("\(flag) has no effect with \(reason): leave one of them out")
    }

    func run() throws {
        let page = try OutputPage(output)
        let found = try runs.read()
        guard !isPicture else { return try page.write(RunReport.picture(found)) }
        let options = SampleOptions(
            prompt: prompt, length: length ?? 300, temperature: temperature ?? 1, checkpoints: checkpoints ?? 8,
            threads: threads ?? ProcessorSet.defaultThreads)
        let samples = try found.map { try $0.samples(options) { Console.warning($0) } }
        try page.write(RunReport.html(found, samples: samples))
    }
}
