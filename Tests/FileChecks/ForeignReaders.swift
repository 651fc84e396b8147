import DTrainCore
import DTrainDistributed
import Scaling

/// The readers of messages of other processes, and of a launcher's output and variables.
extension Reader {
    /// Reads the bytes as the program does, and uses the result.
    func openForeign(_ bytes: [UInt8]) throws {
        let text = String(decoding: bytes, as: UTF8.self)
        switch self {
        case .message: try requireFewMessages(bytes)
        case .address: _ = LivenessFuzzTarget.isAddress(bytes)
        case .profile:
            let reader = try MetricsReader(text, path: "input")
            guard !reader.steps.isEmpty else { throw CheckFailure("accepted without a step") }
        case .ranks:
            let hosts = RankHost.all(in: text)
            guard let layout = Layout(hosts) else { return }
            guard layout.ranks == hosts.count, layout.busyCores >= 1, layout.usedCores >= 1, layout.turns >= 1,
                !layout.label.isEmpty
            else { throw CheckFailure("accepted, but inconsistent: \(layout)") }
        case .environment: try use(environment(text))
        default: throw CheckFailure("\(rawValue) is a reader of files")
        }
    }

    private func requireFewMessages(_ bytes: [UInt8]) throws {
        let (messages, findings) = try LivenessFuzzTarget.read(bytes)
        guard messages <= bytes.count / 64, findings.allSatisfy({ $0.utf8.count < 1000 }) else {
            throw CheckFailure("\(messages) messages in \(bytes.count) bytes")
        }
    }

    /// Returns the launch environment of variables in `NAME=VALUE` lines.
    private func environment(_ text: String) -> LaunchEnvironment {
        var values: [Substring: Substring] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { values[parts[0]] = parts[1] }
        }
        return LaunchEnvironment(
            environment: { name in values[Substring(name)].map(String.init) }, allowedProcessors: 2, onlineProcessors: 4
        )
    }

    private func use(_ launch: LaunchEnvironment) throws {
        guard [launch.rank, launch.size, launch.localRank, launch.localSize].allSatisfy({ $0 ?? 0 >= 0 }) else {
            throw CheckFailure("accepted, but inconsistent: \(launch)")
        }
        _ = launch.isOversubscribed
    }

    /// Returns valid inputs for these readers.
    func foreignSamples() throws -> [[UInt8]] {
        switch self {
        case .message:
            let one = {
                LivenessFuzzTarget.message(rank: $0, rounds: 4, positionCode: 8 << 8 | 2, beats: 7, waited: 12)
            }
            return [one(1), one(2) + one(1) + one(3), (1...30).flatMap { one($0 % 4) }]
        case .address: return [LivenessFuzzTarget.address]
        case .profile:
            let line = { (step: Int) in
                "{\"epoch\":1,\"gradient_bytes\":64,\"hidden_exchange\":0.1,\"profile\":{\"adam\":0.1,\"backward\":0.1,\"exchange\":0.1,"
                    + "\"forward\":0.1,\"head\":0.1,\"other\":0.1,\"pack\":0.1,\"wait\":0.1,\"weight_gradient\":0.1},"
                    + "\"seconds\":0.33,\"step\":\(step)}\n"
            }
            return [Array((1...4).map(line).joined().utf8)]
        case .ranks:
            let hosts = (0..<3).map {
                RankHost(
                    host: "node\($0)", boot: "a", network: "4", processors: [0, 1], machineProcessors: 4, threads: 2,
                    cpu: "A \"CPU\"", memory: 1 << 33)
            }
            return [Array(try hosts.map { try $0.line }.joined(separator: "\nother words\n").utf8)]
        case .environment:
            return [
                "OMPI_COMM_WORLD_SIZE=4\nOMPI_COMM_WORLD_RANK=1\nOMPI_COMM_WORLD_LOCAL_RANK=1\n"
                    + "OMPI_COMM_WORLD_LOCAL_SIZE=2\nOMPI_MCA_orte_bound_at_launch=1\n",
                "PMI_SIZE=3\nPMI_RANK=2\nMPI_LOCALRANKID=0\nMPI_LOCALNRANKS=1\n", "PMIX_RANK=0\n",
            ].map { Array($0.utf8) }
        default: return []
        }
    }
}
