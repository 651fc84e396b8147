import ArgumentParser
import Distributed
import Glibc
import Scaling

/// `dtrain describe-rank`: where a rank runs, one JSON line; what `dtrain scale` starts once for each number of ranks.
struct DescribeRank: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print where this process runs, as a line of JSON.", shouldDisplay: false)

    @Option(help: "Worker threads per rank (default: cores ÷ local ranks).", transform: positive)
    var threads: Int?

    func run() throws {
        try Console.output(
            Machine.describeRank(threads: threads ?? LaunchEnvironment.current.defaultThreads).line + "\n")
    }
}
