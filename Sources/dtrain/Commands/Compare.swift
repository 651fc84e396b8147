import ArgumentParser
import DTrainCore
import Reports

/// `dtrain compare`: prints runs side by side.
struct Compare: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print losses, speed and differing settings of runs side by side.",
        discussion: """
            \(RunOptions.discussion) 'dtrain report' writes the same as a page with curves.

              dtrain compare run-0 run-0.4
            """)

    @OptionGroup var runs: RunOptions

    func run() throws { try Console.output(Terminal.shown(RunTables(try runs.read()).text)) }
}
