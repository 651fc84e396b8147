import Glibc
import Testing

@testable import DTrainDistributed

/// The side channel over this host's loopback interface.
@Suite struct LifelineTests {
    private func wait(_ what: Comment, until done: () -> Bool) throws {
        for _ in 0..<1000 {
            if done() { return }
            _ = pollPause()
        }
        try #require(Bool(false), what)
    }

    private func pollPause() -> Int32 { poll(nil, 0, 5) }

    private func connected() throws -> (hub: LifelineHub, spoke: LifelineSpoke) {
        let hub = try #require(LifelineHub(size: 3, allowing: .thisHost))
        let spoke = LifelineSpoke(to: hub.address, rank: 2, isSameHost: true)
        try wait("both sides have a record") {
            _ = spoke.send(LivenessRecord(rank: 2, rounds: 7, positionCode: 5, beats: 3), seconds: 0.01)
            #expect(hub.read() == [])
            _ = hub.send(LivenessRecord(rank: 0, rounds: 9), seconds: 0.01)
            #expect(spoke.read() == [])
            return !hub.records.isEmpty && !spoke.records.isEmpty
        }
        return (hub, spoke)
    }

    @Test func recordsArriveOnBothSides() throws {
        let (hub, spoke) = try connected()
        #expect(hub.records == [LivenessRecord(rank: 2, rounds: 7, positionCode: 5, beats: 3)])
        #expect(spoke.records == [LivenessRecord(rank: 0, rounds: 9)])
    }

    @Test func aRankThatDisconnectsIsLost() throws {
        var (hub, spoke): (LifelineHub, LifelineSpoke?) = try connected()
        spoke = nil
        _ = spoke
        var events: [LifelineEvent] = []
        try wait("the loss is detected") {
            events += hub.read()
            return !events.isEmpty
        }
        #expect(events == [.lost(rank: 2, .ended)])
        #expect(hub.read() == [])
    }

    @Test func aRankThatAnnouncesItsExitIsNotLost() throws {
        var (hub, spoke): (LifelineHub, LifelineSpoke?) = try connected()
        spoke?.announce(.bye)
        spoke = nil
        try wait("the connection is removed") { hub.read() == [] && hub.descriptors.count == 1 }
    }

    @Test func aDisconnectedRankZeroIsLost() throws {
        var (hub, spoke): (LifelineHub?, LifelineSpoke) = try connected()
        hub = nil
        _ = hub
        var events: [LifelineEvent] = []
        try wait("the loss is detected") {
            events += spoke.read()
            return !events.isEmpty
        }
        #expect(events == [.lost(rank: 0, .ended)])
    }

    @Test func failureAndEndReachTheOtherSide() throws {
        let (hub, spoke) = try connected()
        spoke.announce(.failed)
        var events: [LifelineEvent] = []
        try wait("the failure arrives") {
            events += hub.read()
            return !events.isEmpty
        }
        #expect(events == [.over(isAbort: true)])
        hub.announce(.end)
        events = []
        try wait("the end arrives") {
            events += spoke.read()
            return !events.isEmpty
        }
        #expect(events == [.over(isAbort: false)])
    }

    @Test func aConnectionWithAWrongTokenIsIgnored() throws {
        let hub = try #require(LifelineHub(size: 3, allowing: .thisHost))
        var address = hub.address
        address.token &+= 1
        let foreignConnection = LifelineSpoke(to: address, rank: 1, isSameHost: true)
        for _ in 0..<20 {
            _ = foreignConnection.send(LivenessRecord(rank: 1), seconds: 0.01)
            #expect(hub.read() == [])
            _ = pollPause()
        }
        #expect(hub.records.isEmpty && foreignConnection.records.isEmpty)
    }

    @Test func ranksThatNeverConnectAreReportedOnce() throws {
        let (hub, _) = try connected()
        #expect(
            hub.send(LivenessRecord(rank: 0), seconds: LifelineHub.connectTimeout) == [
                .missing(ranks: [1], lacksDescriptors: false)
            ])
        #expect(hub.send(LivenessRecord(rank: 0), seconds: LifelineHub.connectTimeout) == [])
    }

    /// Otherwise a suspended receiver would let the connection's buffers fill up.
    @Test func aSenderWithoutRepliesStops() throws {
        let (hub, spoke) = try connected()
        for round in 0..<100 { _ = spoke.send(LivenessRecord(rank: 2, rounds: round), seconds: 0) }
        _ = hub.read()
        #expect(try #require(hub.records.first).rounds < LivenessMessage.maximumUnanswered)
    }

    @Test func addressesOnACommonNetworkComeFirst() {
        func address(_ a: UInt32, _ b: UInt32, _ c: UInt32, _ d: UInt32) -> UInt32 { a | b << 8 | c << 16 | d << 24 }
        let (loopback, docker, near) = (address(127, 0, 0, 1), address(172, 17, 0, 1), address(10, 7, 0, 1))
        let own = [HostAddress(address: address(10, 7, 0, 9), mask: address(255, 255, 0, 0))]
        #expect(HostAddress.order([docker, near, loopback], own: own, isSameHost: false) == [near, docker])
        #expect(HostAddress.order([docker, near, loopback], own: own, isSameHost: true) == [loopback, near, docker])
    }

    @Test func messagesSurviveARoundTrip() {
        let record = LivenessRecord(rank: 3, rounds: 1, positionCode: 2, beats: 4, collectives: 5, waited: -1)
        let message = LivenessMessage(.keepAlive, token: -9, record)
        #expect(message.bytes.count == LivenessMessage.size)
        #expect(LivenessMessage(message.bytes, token: -9) == message)
        #expect(LivenessMessage(message.bytes, token: 9) == nil)
    }

    /// Rank 0 may read messages late, mostly during start-up.
    @Test func aConnectionWithALateReplyIsKept() throws {
        let hub = try #require(LifelineHub(size: 3, allowing: .thisHost))
        let spoke = LifelineSpoke(to: hub.address, rank: 2, isSameHost: true)
        for round in 0..<20 {
            _ = spoke.send(LivenessRecord(rank: 2, rounds: round), seconds: 1)
            _ = spoke.read()
            _ = pollPause()
        }
        try wait("both sides have a record") {
            #expect(hub.read() == [])
            _ = hub.send(LivenessRecord(rank: 0, rounds: 9), seconds: 0)
            #expect(spoke.read() == [])
            return !hub.records.isEmpty && !spoke.records.isEmpty
        }
        #expect(hub.read() == [])
    }

    @Test func aRankThatDisconnectsAfterItsFirstMessageIsLost() throws {
        let hub = try #require(LifelineHub(size: 3, allowing: .thisHost))
        var spoke: LifelineSpoke? = LifelineSpoke(to: hub.address, rank: 1, isSameHost: true)
        for _ in 0..<20 {
            _ = spoke?.send(LivenessRecord(rank: 1), seconds: 0.01)
            _ = pollPause()
        }
        spoke = nil
        var events: [LifelineEvent] = []
        try wait("the loss is detected") {
            events += hub.read()
            return !events.isEmpty
        }
        #expect(events == [.lost(rank: 1, .ended)])
    }
}
