import ArgumentParser
import DTrainCore
import DTrainDistributed
import Scaling

/// The command `dtrain describe-rank`, which prints a rank's host and processors as one JSON line.
///
/// `dtrain scale` starts it once per number of ranks.
struct DescribeRank: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print where this process runs, as a line of JSON.", shouldDisplay: false)

    @Option(help: .setting(.threads), transform: positive)
    var threads: Int?

    func run() throws {
        let code = Job.run(spelling: Hints.spelled) { communicator in
            let threads = threads ?? communicator.processors.defaultThreads
            try Console.output(Machine.describeRank(threads: threads).line + "\n")
        }
        if code != 0 { throw ExitCode(code) }
    }
}
