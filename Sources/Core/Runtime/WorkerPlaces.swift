import CProcess

/// Which processor each of a rank's workers stays on, where it has them to itself.
///
/// A thread that moves to another core leaves its part of the weights behind in the first one's cache.
package struct WorkerPlaces: Hashable, Sendable {
    /// A processor for each worker.
    let processors: [Int]

    /// Places one worker a core, or one a processor; nil unless the workers take up all of them.
    ///
    /// Workers that left some free might all choose the same ones as another program's. Neighbours in a team are neighbours in the
    /// machine: cores follow each other by package, and both threads of a core come together.
    ///
    /// - Parameters:
    ///   - workers: the number of workers.
    ///   - processors: those that nobody else of the job may use.
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
        case sorted.count: self.processors = sorted.compactMap(\.first)
        case processors.count: self.processors = sorted.flatMap { $0 }
        default: return nil
        }
    }

    /// The processors that there is room for.
    fileprivate static let most = 1024

    /// Keeps the calling thread on a worker's processor while `body` runs.
    func pin<Value>(_ worker: Int, while body: () throws -> Value) rethrows -> Value {
        var (before, own) = (ProcessorBits(), ProcessorBits())
        own.insert(processors[worker])
        // Only a hint: where the system refuses, the thread runs as before.
        guard before.read(), own.apply() else { return try body() }
        defer { _ = before.apply() }
        return try body()
    }
}

/// Processors that a thread may run on, a bit each.
private struct ProcessorBits {
    private var words = [UInt](repeating: 0, count: WorkerPlaces.most / UInt.bitWidth)

    mutating func insert(_ processor: Int) { words[processor / UInt.bitWidth] |= 1 << UInt(processor % UInt.bitWidth) }

    /// Takes the calling thread's.
    mutating func read() -> Bool { cprocess_get_affinity(UInt(words.count * MemoryLayout<UInt>.stride), &words) == 0 }

    /// Keeps the calling thread on them.
    func apply() -> Bool { cprocess_set_affinity(UInt(words.count * MemoryLayout<UInt>.stride), words) == 0 }
}

/// A core of the machine.
private struct Core: Hashable, Comparable {
    let package: Int
    let number: Int

    /// The core of a processor; nil where the system doesn't say.
    init?(of processor: Int, root: String) {
        let folder = "\(root)/sys/devices/system/cpu/cpu\(processor)/topology"
        func number(_ name: String) -> Int? {
            SystemFile.text("\(folder)/\(name)")?.split(whereSeparator: \.isWhitespace).first.flatMap { Int($0) }
        }
        guard let package = number("physical_package_id"), let core = number("core_id") else { return nil }
        (self.package, self.number) = (package, core)
    }

    static func < (a: Core, b: Core) -> Bool { (a.package, a.number) < (b.package, b.number) }
}
