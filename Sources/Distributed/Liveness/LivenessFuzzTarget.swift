import DTrainCore
import Glibc

/// The stall watch's parsers of network bytes, for checks with hostile input.
package enum LivenessFuzzTarget {
    /// The job's token in valid messages.
    package static let token: Int64 = 0x1122_3344_5566_7788

    /// Returns the bytes of a message from a rank that is alive.
    package static func message(rank: Int, rounds: Int, positionCode: Int, beats: Int, waited: Int) -> [UInt8] {
        let record = LivenessRecord(
            rank: rank, rounds: rounds, positionCode: positionCode, beats: beats, collectives: beats, waited: waited)
        return LivenessMessage(.keepAlive, token: token, record).bytes
    }

    /// The bytes of rank 0's address, as they are broadcast.
    package static var address: [UInt8] {
        LifelineAddress(addresses: [0x0100_007F, 0x0102_000A], port: 80, token: token).bytes
    }

    /// Reads bytes as messages from a connection, and observes them as rank 0 of a job of four
    /// ranks.
    ///
    /// - Returns: the number of messages, and the texts that rank 0 would report about them.
    package static func read(_ bytes: [UInt8]) throws -> (messages: Int, findings: [String]) {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0 else {
            throw DTrainError(.internal, "cannot create a pair of sockets: \(systemMessage())")
        }
        let (reader, writer) = (LivenessSocket(ends[0]), LivenessSocket(ends[1]))
        var messages: [LivenessMessage] = []
        var isOver = false
        // In pieces, as from a network; 100 isn't a multiple of a message's size.
        for start in stride(from: 0, to: bytes.count, by: 100) where !isOver {
            let piece = Array(bytes[start...].prefix(100))
            _ = piece.withUnsafeBytes { write(writer.descriptor, $0.baseAddress, $0.count) }
            let (new, loss) = reader.receive(token: token)
            messages += new
            isOver = loss != nil
        }
        let names = (0..<4).map { "rank \($0) (host)" }
        var observer = JobObserver(rank: 0, names: names, timeout: 2)
        var findings: [String] = []
        for message in messages {
            let finding = observer.judge(
                [message.record, LivenessRecord(rank: 0, waited: 9000)], operation: "MPI_Barrier", seconds: 1)
            switch finding {
            case .warning(let text)?, .end(let text)?: findings.append(text)
            case nil: break
            }
            findings.append(observer.describe([1: .ended], [message.record]))
        }
        return (messages.count, findings)
    }

    /// Returns whether the bytes are a valid address.
    package static func isAddress(_ bytes: [UInt8]) -> Bool {
        guard let address = LifelineAddress(bytes) else { return false }
        let own = [HostAddress(address: 0x0100_000A, mask: 0x00FF_FFFF)]
        return HostAddress.order(address.addresses, own: own, isSameHost: true).count == address.addresses.count
    }
}
