import Glibc
import Testing

@testable import DTrainDistributed

/// Host memory shared by ranks, here mapped twice by one process; SameBitsTests covers real ranks.
@Suite struct SharedHostMemoryTests {
    private static let size = 1 << 16

    /// Writes through one mapping are visible through the other.
    @Test func bothMappingsShareMemory() throws {
        let (memories, descriptor) = try pair()
        defer { close(descriptor) }
        for length in [100, 1, 0, 5000] {
            let places = try memories.map { try #require($0.take(byteCount: length)) }
            #expect(places[0] != places[1] && places.allSatisfy { Int(bitPattern: $0) % 64 == 0 })
            guard length > 0 else { continue }
            #expect(places[1].load(as: UInt8.self) == 0)
            (places[0] + length - 1).storeBytes(of: UInt8(7), as: UInt8.self)
            #expect((places[1] + length - 1).load(as: UInt8.self) == 7)
        }
    }

    @Test func allocationsBeyondTheSizeReturnNil() throws {
        let (memories, descriptor) = try pair()
        defer { close(descriptor) }
        #expect(memories[0].take(byteCount: Self.size) == nil)
        #expect(memories[0].take(byteCount: Self.size / 2) != nil)
        #expect(memories[0].take(byteCount: Self.size / 2) == nil)
    }

    /// In another container, the same process and descriptor numbers mean something else.
    @Test func invalidHandlesAreNotMapped() throws {
        let made = try #require(SharedHostMemory.Mapping.make(size: Self.size))
        defer { close(made.descriptor) }
        #expect(SharedHostMemory.Mapping.open(made.handle, size: Self.size) != nil)
        #expect(SharedHostMemory.Mapping.open(made.handle, size: 2 * Self.size) == nil)
        for word in 0..<3 {
            var handle = made.handle
            handle.words[word] ^= 1 << 40
            #expect(SharedHostMemory.Mapping.open(handle, size: Self.size) == nil)
        }
        #expect(SharedHostMemory.Mapping.open(.init(), size: Self.size) == nil)
    }

    @Test func withoutSharedMemoryARankIsAlone() {
        let memory = SharedHostMemory {}
        #expect(memory.ranks == 1 && memory.index == 0 && memory.take(byteCount: 1) == nil)
    }

    private func pair() throws -> (memories: [SharedHostMemory], descriptor: Int32) {
        let made = try #require(SharedHostMemory.Mapping.make(size: Self.size))
        let other = try #require(SharedHostMemory.Mapping.open(made.handle, size: Self.size))
        let memories = [made.mapping, other].enumerated().map { index, mapping in
            SharedHostMemory(mapping, ranks: 2, index: index) {}
        }
        return (memories, made.descriptor)
    }
}
