import ArgumentParser
import DTrainCore
import DTrainDistributed
import Scaling

/// `dtrain describe-rank`: where a rank runs, one JSON line; what `dtrain scale` starts once for each number of ranks.
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
