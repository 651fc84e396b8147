import Glibc
import Testing

@testable import DTrainDistributed

/// Foreign connections to rank 0's port.
@Suite struct RejectedConnectionsTests {
    private func wait(_ what: Comment, until done: () throws -> Bool) throws {
        for _ in 0..<1000 {
            if try done() { return }
            poll(nil, 0, 5)
        }
        try #require(Bool(false), what)
    }

    private func hub(_ size: Int = 3, _ reach: LifelineHub.AllowedHosts = .thisHost) throws -> LifelineHub {
        try #require(LifelineHub(size: size, allowing: reach))
    }

    private func openConnection(to hub: LifelineHub, with bytes: [UInt8] = [], from address: UInt32? = nil) throws
        -> LivenessSocket
    {
        let host = address ?? HostAddress.loopback
        let socket = try #require(LivenessSocket.connecting(to: host, port: hub.address.port))
        try wait("the connection is established") { socket.isConnected }
        _ = bytes.withUnsafeBytes { send(socket.descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        return socket
    }

    private func message(_ hub: LifelineHub, rank: Int) -> [UInt8] {
        LivenessMessage(.keepAlive, token: hub.address.token, LivenessRecord(rank: rank, rounds: 1)).bytes
    }

    /// Connects a rank; returns its end of the connection.
    private func connect(_ rank: Int, to hub: LifelineHub) throws -> LifelineSpoke {
        let spoke = LifelineSpoke(to: hub.address, rank: rank, isSameHost: true)
        try wait("rank \(rank) is known") {
            _ = spoke.send(LivenessRecord(rank: rank, rounds: 7), seconds: 0.01)
            #expect(hub.read() == [])
            _ = spoke.read()
            return hub.records.contains { $0.rank == rank } && !spoke.records.isEmpty
        }
        return spoke
    }

    /// The numbers of foreign connections in the reports among the events.
    private func rejectedCounts(_ events: [LifelineEvent]) -> [Int] {
        events.compactMap { if case .rejected(let connections) = $0 { connections.count } else { nil } }
    }

    private func isRefused(_ hub: LifelineHub) throws -> Bool {
        let socket = try #require(LivenessSocket.connecting(to: HostAddress.loopback, port: hub.address.port))
        return !socket.isConnected || socket.receive(token: 0).loss != nil
    }

    @Test func aSingleHostListensOnLoopbackOnly() throws {
        let hub = try hub()
        #expect(hub.address.addresses == [HostAddress.loopback])
        #expect(HostAddress.text(HostAddress.loopback) == "127.0.0.1")
        for other in HostAddress.all where !HostAddress.isLoopback(other.address) {
            let socket = LivenessSocket.connecting(to: other.address, port: hub.address.port)
            #expect(socket?.isConnected != true, "\(HostAddress.text(other.address))")
        }
    }

    @Test func thePortClosesWhenAllRanksAreConnected() throws {
        let hub = try hub()
        let first = try connect(1, to: hub)
        #expect(hub.descriptors.count == 2)
        let second = try connect(2, to: hub)
        #expect(hub.descriptors.count == 2)
        #expect(try isRefused(hub))
        #expect(rejectedCounts(hub.send(LivenessRecord(rank: 0), seconds: 1)) == [])
        withExtendedLifetime((first, second)) {}
    }

    /// Foreign connections use no more descriptors than the missing ranks would.
    @Test func silentConnectionsAreLimitedInNumberAndTime() throws {
        let hub = try hub()
        let flood = try (0..<100).map { _ in try openConnection(to: hub, with: [1, 2, 3]) }
        try wait("most connections are closed") {
            #expect(hub.read() == [])
            return flood.count { $0.receive(token: 0).loss != nil } >= 98
        }
        #expect(hub.descriptors.count <= 1 + 2)
        #expect(hub.send(LivenessRecord(rank: 0), seconds: 1.9) == [])
        #expect(hub.descriptors.count == 1 + 2)
        #expect(hub.send(LivenessRecord(rank: 0), seconds: 0.2) == [])
        #expect(hub.descriptors.count == 1)
        // The ranks still connect, and one line reports the foreign connections.
        let spokes = [try connect(1, to: hub), try connect(2, to: hub)]
        #expect(rejectedCounts(hub.send(LivenessRecord(rank: 0), seconds: 0.1)) == [100])
        #expect(hub.send(LivenessRecord(rank: 0), seconds: 100) == [])
        #expect(hub.read() == [])
        withExtendedLifetime(spokes) {}
    }

    @Test func aSlowSenderIsDisconnected() throws {
        let hub = try hub()
        let bytes = message(hub, rank: 1)
        let slow = try openConnection(to: hub, with: Array(bytes.prefix(32)))
        for _ in 0..<3 {
            #expect(hub.read() == [])
            #expect(hub.send(LivenessRecord(rank: 0), seconds: 0.7) == [])
        }
        try wait("the connection is closed") { hub.read() == [] && slow.receive(token: 0).loss != nil }
        #expect(hub.records.isEmpty)
        // A sender that takes one second is within the limit of two.
        let late = try openConnection(to: hub, with: Array(bytes.prefix(32)))
        _ = hub.read()
        _ = hub.send(LivenessRecord(rank: 0), seconds: 1)
        _ = bytes.dropFirst(32).withUnsafeBytes { send(late.descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        try wait("the rank is known") { hub.read() == [] && hub.records.map(\.rank) == [1] }
    }

    @Test func aReplayedMessageIsRejected() throws {
        let hub = try hub()
        let spoke = try connect(2, to: hub)
        for bytes in [
            message(hub, rank: 2),
            LivenessMessage(
                .failed, token: hub.address.token, LivenessRecord(rank: 2)
            ).bytes,
        ] {
            let again = try openConnection(to: hub, with: bytes)
            try wait("the connection is closed") {
                #expect(hub.read() == [])
                return again.receive(token: 0).loss != nil
            }
        }
        #expect(hub.records == [LivenessRecord(rank: 2, rounds: 7)])
        #expect(spoke.read() == [])
    }

    @Test(arguments: [
        [], [0], [UInt8](repeating: 7, count: 63), [UInt8](repeating: 0, count: 64),
        [UInt8](repeating: 255, count: 4096),
    ])
    func invalidBytesDoNotAffectRanks(bytes: [UInt8]) throws {
        let hub = try hub()
        var foreignConnection: LivenessSocket? = try openConnection(to: hub, with: bytes)
        _ = hub.read()
        foreignConnection = nil
        _ = foreignConnection
        try wait("the connection is removed") { hub.read() == [] && hub.descriptors.count == 1 }
        let spokes = [try connect(1, to: hub), try connect(2, to: hub)]
        #expect(rejectedCounts(hub.send(LivenessRecord(rank: 0), seconds: 0)) == [1])
        withExtendedLifetime(spokes) {}
    }

    @Test(arguments: [-1, 0, 3, Int.max, Int.min])
    func ranksOutsideTheJobAreRejected(rank: Int) throws {
        let hub = try hub()
        let foreignConnection = try openConnection(to: hub, with: message(hub, rank: rank))
        try wait("the connection is closed") { hub.read() == [] && foreignConnection.receive(token: 0).loss != nil }
        #expect(hub.records.isEmpty)
    }

    /// In a job of several hosts any host can connect, so rank 0 checks each connection's address.
    @Test(.enabled(if: HostAddress.all.contains { !HostAddress.isLoopback($0.address) }, "no network here"))
    func connectionsFromOtherHostsAreRejected() throws {
        let own = try #require(HostAddress.all.map(\.address).first { !HostAddress.isLoopback($0) })
        let closed = try hub(2, .hosts([HostAddress.loopback]))
        let foreignConnection = try openConnection(to: closed, with: message(closed, rank: 1), from: own)
        try wait("the connection is closed") { closed.read() == [] && foreignConnection.receive(token: 0).loss != nil }
        #expect(closed.records.isEmpty)
        let open = try hub(2, .hosts([own]))
        let rank = try openConnection(to: open, with: message(open, rank: 1), from: own)
        try wait("the rank is accepted") { open.read() == [] && !open.records.isEmpty }
        withExtendedLifetime(rank) {}
    }

    @Test func descriptorsAreReservedForSaves() {
        var limit = rlimit()
        #expect(getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
        let most = Int32(clamping: limit.rlim_cur)
        #expect(DescriptorLimit.leavesRoom(3))
        #expect(!DescriptorLimit.leavesRoom(most - 10))
    }

    @Test func foreignConnectionsAreReportedInOneLine() {
        var connections = RejectedConnections(port: 4711)
        connections.add(HostAddress.loopback)
        let observer = JobObserver(rank: 0, names: ["rank 0 (alpha)", "rank 1 (alpha)"], timeout: 4)
        #expect(
            observer.describe(connections)
                == "rank 0 (alpha): closed 1 connection from outside the job to port 4711, the first from 127.0.0.1; "
                + "the training isn't affected, see SECURITY.md")
        connections.add(0)
        #expect(
            observer.describe(connections).contains(
                "closed 2 connections from outside the job to port 4711, the first from 127.0.0.1;"))
    }
}
