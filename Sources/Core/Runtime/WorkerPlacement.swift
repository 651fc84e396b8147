import CProcess

/// The cores that a rank's worker threads are bound to, if no other rank may use these cores.
///
/// A thread that moves to another core loses its part of the weights, which stays in the first
/// core's cache. The calling thread, worker 0, also writes files and communicates: it isn't bound,
/// and runs on the core that the others leave free.
package struct WorkerPlacement: Hashable, Sendable {
    /// The processors that each worker may run on.
    let processors: [[Int]]

    /// Places one worker on each core or on each processor; nil unless the workers occupy all of
    /// them.
    ///
    /// If the workers left cores free, they might be bound to the same cores as another program's.
    /// Workers with adjacent numbers get adjacent processors: cores are sorted by package, and the
    /// hardware threads of a core stay together.
    ///
    /// - Parameters:
    ///   - workers: the number of workers.
    ///   - processors: the processors that no other rank may use.
    ///   - root: a prefix of the system's paths, for tests; empty for the real system.
    package init?(workers: Int, on processors: ProcessorSet, root: String = "") {
        guard workers > 1, let highest = processors.numbers.max(), highest < Self.maximumProcessors else { return nil }
        var cores: [Core: [Int]] = [:]
        for processor in processors.numbers.sorted() {
            guard let core = Core(of: processor, root: root) else { return nil }
            cores[core, default: []].append(processor)
        }
        let sorted = cores.sorted { $0.key < $1.key }.map(\.value)
        switch workers {
        // Both hardware threads of a core share its caches, so the system may use either.
        case sorted.count: self.processors = sorted
        case processors.count: self.processors = sorted.flatMap { $0.map { [$0] } }
        default: return nil
        }
    }

    /// The number of processors that the affinity mask holds.
    private static let maximumProcessors = 1024

    /// Binds the calling thread to a worker's core.
    func bind(_ worker: Int) {
        var bits = [UInt](repeating: 0, count: Self.maximumProcessors / UInt.bitWidth)
        for processor in processors[worker] {
            bits[processor / UInt.bitWidth] |= 1 << UInt(processor % UInt.bitWidth)
        }
        // Advisory: if the system refuses, the thread runs unbound.
        _ = cprocess_set_affinity(UInt(bits.count * MemoryLayout<UInt>.stride), bits)
    }
}

/// A core of the machine.
private struct Core: Hashable, Comparable {
    let package: Int
    /// Its lowest processor number.
    let first: Int

    /// Finds the core of a processor; nil if the system doesn't report it.
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
