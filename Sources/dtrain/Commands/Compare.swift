import ArgumentParser
import DTrainCore
import Reports

/// `dtrain compare`: trainings side by side on the terminal.
struct Compare: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print losses, speed and differing settings of trainings, a column for each.",
        discussion: """
            \(RunOptions.discussion) 'dtrain report' writes the same with curves as a page.

              dtrain compare run-0 run-0.4
            """)

    @OptionGroup var runs: RunOptions

    func run() throws { try Console.output(Terminal.shown(RunTables(try runs.read()).text)) }
}
