import CProcess

/// Which core each of a rank's worker threads stays on, where the rank has them to itself.
///
/// A thread that moves to another core leaves its part of the weights behind in the first one's cache. The calling thread, worker 0,
/// also writes files and speaks to other ranks: it isn't bound, and what the others leave free is its core.
package struct WorkerPlaces: Hashable, Sendable {
    /// The processors of each worker.
    let processors: [[Int]]

    /// Places a worker on each core, or on each processor; nil unless the workers take up all of them.
    ///
    /// Workers that left some free might all choose the same ones as another program's. Neighbours in a team are neighbours in the
    /// machine: cores follow each other by package, and both threads of a core come together.
    ///
    /// - Parameters:
    ///   - workers: the number of workers.
    ///   - processors: those that no other rank may use.
    ///   - root: stands before the system's paths; empty for the system itself.
    package init?(workers: Int, on processors: ProcessorSet, root: String = "") {
        guard workers > 1, let highest = processors.numbers.max(), highest < Self.most else { return nil }
        var cores: [Core: [Int]] = [:]
        for processor in processors.numbers.sorted() {
            guard let core = Core(of: processor, root: root) else { return nil }
            cores[core, default: []].append(processor)
        }
        let sorted = cores.sorted { $0.key < $1.key }.map(\.value)
        switch workers {
        // Both hardware threads of a core share its caches: the system may take the one that is idle.
        case sorted.count: self.processors = sorted
        case processors.count: self.processors = sorted.flatMap { $0.map { [$0] } }
        default: return nil
        }
    }

    /// The processors that there is room for.
    private static let most = 1024

    /// Keeps the calling thread, which works for this worker alone, on the worker's core.
    func bind(_ worker: Int) {
        var bits = [UInt](repeating: 0, count: Self.most / UInt.bitWidth)
        for processor in processors[worker] {
            bits[processor / UInt.bitWidth] |= 1 << UInt(processor % UInt.bitWidth)
        }
        // Only a hint: where the system refuses, the thread runs as before.
        _ = cprocess_set_affinity(UInt(bits.count * MemoryLayout<UInt>.stride), bits)
    }
}

/// A core of the machine.
private struct Core: Hashable, Comparable {
    let package: Int
    /// Its processor with the lowest number.
    let first: Int

    /// The core of a processor; nil where the system doesn't say.
    init?(of processor: Int, root: String) {
        let folder = "\(root)/sys/devices/system/cpu/cpu\(processor)/topology"
        func text(_ name: String) -> Substring? {
            SystemFile.text("\(folder)/\(name)")?.split(whereSeparator: \.isWhitespace).first
        }
        guard let package = text("physical_package_id").flatMap({ Int($0) }),
            let first = text("thread_siblings_list").flatMap({ ProcessorSet(list: $0) })?.numbers.min()
        else { return nil }
        (self.package, self.first) = (package, first)
    }

    static func < (a: Core, b: Core) -> Bool { (a.package, a.first) < (b.package, b.first) }
}
