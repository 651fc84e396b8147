import DTrainCore
import DTrainDistributed
import DistributedTesting
import Glibc

/// The program that the tests start under `mpirun`.
///
/// Each rank runs the check named by the first argument.
@main struct MPIChecks {
    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        let name = arguments.first ?? "all"
        if name == "fault" || name == "early" {
            let run = name == "fault" ? Faults.run : EarlyFaults.run
            do { exit(try run(Array(arguments.dropFirst()))) } catch {
                print("\(error)")
                exit(64)
            }
        }
        let timeout = name.hasPrefix("stall") ? arguments.dropFirst().first.flatMap { Int($0) } : nil
        Job.main(stallTimeout: timeout) { ranks in
            try perform(name, ranks, Array(arguments.dropFirst()))
            try ranks.barrier()
            if ranks.isRoot { print("passed \(name) on \(ranks.size)") }
        }
    }

    private static func perform(_ name: String, _ ranks: any Communicator, _ arguments: [String]) throws {
        let last = ranks.size - 1
        switch name {
        case "all":
            for check in CommunicatorCheck.all {
                do { try check.run(ranks) } catch { throw CheckFailure(description: "\(check.name): \(error)") }
            }
        case "gradients":
            try gradients(ranks)
        case "large":
            try large(ranks)
        case "bandwidth":
            try Bandwidth(repeats: arguments.first.flatMap { Int($0) } ?? 15).measure(ranks)
        case "failure":
            // The other ranks wait in a collective that the last rank never enters.
            if ranks.rank == last { throw DTrainError(.badData, "made to fail") }
            try ranks.barrier()
        case "agreed-failure":
            let error = ranks.rank == last ? DTrainError(.noInput, "no file here") : nil
            try ReplicaAgreement(ranks).agree(localError: error)
        case "twice":
            do {
                _ = try MPIEnvironment(launch: .current)
            } catch let error as DTrainError {
                try require(error.message.hasPrefix("MPI is initialized already"), equals: true, error.message)
                return
            }
            throw CheckFailure(description: "MPI was initialized twice")
        case "yield":
            let setting = getenv("OMPI_MCA_mpi_yield_when_idle").map { String(cString: $0) } ?? "unset"
            if ranks.isRoot { print("yield \(setting)") }
        case "threads":
            try Threads.report(ranks, arguments.map { Int($0) ?? 1 })
        case "stall":
            if ranks.rank == last { while true { sleep(1) } }
            try ranks.barrier()
        case "stall-transfer":
            if ranks.rank == last { while true { sleep(1) } }
            let words = try AlignedBuffer<Float>(count: ranks.size)
            let blocks = try RankBlocks(counts: [Int](repeating: 4, count: ranks.size))
            let received = try AlignedBuffer<Float>(count: ranks.size)
            let transfer = try ranks.startAllToAll(words.pointer, blocks, into: received.pointer, blocks)
            try withExtendedLifetime([words, received]) {
                try ranks.wait(for: "MPI_Ialltoallv") { try transfer.isComplete() }
            }
        default:
            throw DTrainError(.usage, "no check named '\(name)'")
        }
    }

    private static func gradients(_ ranks: any Communicator) throws {
        for leaves in [1, 2, 5, 8, 13] {
            for count in [1, 16, 1000, 5003] {
                let check = GradientCheck(leaves: leaves, count: count)
                try check.run(ranks)
                try check.run(ranks, minBytes: 900)
                try check.run(ranks, mode: .library)
            }
        }
    }

    /// Sums a gradient as large as the tutorial's.
    ///
    /// Rank r contributes r + i mod 1000 at i, which adds up without rounding.
    private static func large(_ ranks: any Communicator) throws {
        let (size, count) = (ranks.size, 4_000_003)
        let synchronizer = try GradientSynchronizer(
            communicator: ranks, tree: ReductionTree(leafCount: size),
            runs: Partition.balanced(count: size, parts: size),
            blocks: GradientBlocks(contiguous: count, ranks: size))
        let values = try AlignedBuffer<Float>(count: count)
        let gradient = values.pointer
        for index in 0..<count { gradient[index] = Float(ranks.rank + index % 1000) }
        _ = try synchronizer.begin(nodes: gradient).finish()
        let offset = size * (size - 1) / 2
        for index in 0..<count where values[index] != Float(size * (index % 1000) + offset) {
            throw CheckFailure(description: "element \(index) is \(values[index])")
        }
    }
}
