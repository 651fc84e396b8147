import Foundation
import Synchronization
import Testing

@testable import DTrainCore

/// The placement of workers on processors.
@Suite struct WorkerPlacementTests {
    /// A machine with two packages of two cores with two hardware threads each.
    ///
    /// Processor 0 belongs to the second package's first core.
    private static let topology: [Place] = [
        Place(1, 0), Place(0, 0), Place(0, 1), Place(1, 1), Place(1, 0), Place(0, 0), Place(0, 1), Place(1, 1),
    ]

    private struct Place: Equatable {
        let package: Int
        let core: Int

        init(_ package: Int, _ core: Int) { (self.package, self.core) = (package, core) }
    }

    /// Writes the machine's topology as Linux exposes it; returns the folder.
    private func machine() throws -> URL {
        let root = FileManager.default.temporaryDirectory.appending(path: "places-\(UUID().uuidString)")
        for (processor, place) in Self.topology.enumerated() {
            let folder = root.appending(path: "sys/devices/system/cpu/cpu\(processor)/topology")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let siblings = Self.topology.indices.filter { Self.topology[$0] == place }.map(String.init)
            for (name, text) in [
                ("physical_package_id", "\(place.package)"), ("thread_siblings_list", siblings.joined(separator: ",")),
            ] { try "\(text)\n".write(to: folder.appending(path: name), atomically: true, encoding: .utf8) }
        }
        return root
    }

    @Test func workersAreAssignedToCoresByPackage() throws {
        let root = try machine()
        defer { try? FileManager.default.removeItem(at: root) }
        func places(_ workers: Int, _ processors: some Sequence<Int>) -> [[Int]]? {
            WorkerPlacement(workers: workers, on: ProcessorSet(processors), root: root.path)?.processors
        }
        // Both threads of each core; package 0 first.
        #expect(places(4, 0..<8) == [[1, 5], [2, 6], [0, 4], [3, 7]])
        // Both threads of a core are neighbors.
        #expect(places(8, 0..<8) == [[1], [5], [2], [6], [0], [4], [3], [7]])
        #expect(places(2, [4, 0]) == [[0], [4]])
        // Without an even division, the system places the workers.
        #expect(places(3, 0..<8) == nil)
        #expect(places(9, 0..<8) == nil)
        #expect(places(1, [3]) == nil)
        // A processor that the system doesn't describe.
        #expect(places(2, [0, 8]) == nil)
    }

    /// The processors that the calling thread may run on.
    private static func allowed() -> ProcessorSet? {
        let name = "Cpus_allowed_list:"
        let lines = SystemFile.text("/proc/thread-self/status")?.split(separator: "\n") ?? []
        return lines.first { $0.hasPrefix(name) }.flatMap { ProcessorSet(list: $0.dropFirst(name.count)) }
    }

    /// Each worker is bound to its own processors, and the calling thread keeps its previous mask.
    @Test func workersAreBoundToTheirProcessors() throws {
        let all = try #require(Self.allowed())
        guard all.count > 1, let placement = WorkerPlacement(workers: all.count, on: all) else { return }
        let pool = try WorkerPool(count: all.count, placement: placement)
        let stray = Mutex(0)
        for _ in 0..<20 {
            try pool.run { worker in
                let own = worker == 0 ? all : ProcessorSet(placement.processors[worker])
                if Self.allowed() != own { stray.withLock { $0 += 1 } }
            }
        }
        #expect(stray.withLock { $0 } == 0)
        #expect(Self.allowed() == all)
    }
}
