/// The purpose of a measured configuration.
public enum Series: String, Hashable, Sendable, Codable, CaseIterable {
    /// A single process without a launcher, so without binding: a point of the thread curve and a
    /// candidate for the base.
    case base
    /// A fixed global batch, divided among the ranks.
    case strong
    /// A fixed batch per rank.
    case weak
    /// A single process with a part of the batch, to measure the cost of a small local batch.
    case smallBatch = "small_batch"
    /// A tiny model on several ranks, to measure the latency of an exchange.
    case latency
    /// The whole model with one micro-batch per rank, to measure the exchange of a whole gradient.
    case exchange
}

/// One configuration to measure.
public struct RunPlan: Hashable, Sendable, Codable {
    /// The series that it belongs to.
    public let series: [Series]
    /// The number of ranks; 1 for a single process.
    public let ranks: Int
    /// Whether it is started by `mpirun`; false for a single process without a launcher.
    public let isLaunched: Bool
    /// Worker threads per rank; nil for dtrain's default.
    public let threads: Int?
    /// Sequences per step over all ranks.
    public let batchSize: Int

    /// A name, unique in an experiment.
    public var name: String {
        let kind = series.map(\.rawValue).joined(separator: "+")
        let threadsText = threads.map { "-t\($0)" } ?? ""
        return "\(kind)-np\(ranks)\(threadsText)-b\(batchSize)"
    }

    /// Whether it belongs to a series.
    public func isIn(_ one: Series) -> Bool { series.contains(one) }

    /// Whether it is a point of a scaling curve.
    public var isScaled: Bool { isIn(.strong) || isIn(.weak) }

    /// The sizes of an experiment.
    public struct Choice: Hashable, Sendable {
        /// Rank counts.
        public var ranks: [Int]
        /// Strong, weak, or both.
        public var modes: [Series]
        /// Worker threads per rank; nil for dtrain's default.
        public var threads: Int?
        /// Thread counts of a single process; nil for 1, 2, 4 … up to the cores and their hardware
        /// threads.
        public var baseThreads: [Int]?
        /// Sequences per step: over all ranks for strong scaling, per rank for weak scaling.
        public var batchSize: Int
        /// Sequences per micro-batch.
        public var microBatchSize: Int
        /// The number of cores of this machine.
        public var cores: Int
        /// The number of hardware threads of this machine's cores.
        public var processors: Int

        /// Creates the sizes of an experiment.
        public init(
            ranks: [Int], modes: [Series], threads: Int?, baseThreads: [Int]? = nil, batchSize: Int,
            microBatchSize: Int, cores: Int, processors: Int? = nil
        ) {
            self.baseThreads = baseThreads
            (self.ranks, self.modes, self.threads) = (ranks, modes, threads)
            (self.batchSize, self.microBatchSize) = (batchSize, microBatchSize)
            (self.cores, self.processors) = (cores, processors ?? cores)
        }
    }

    /// The configurations of one repeat.
    public static func all(_ choice: Choice) -> [RunPlan] {
        let threads = choice.baseThreads ?? baseThreads(cores: choice.cores, processors: choice.processors)
        let base = Set(threads).sorted().map {
            RunPlan(series: [.base], ranks: 1, isLaunched: false, threads: $0, batchSize: choice.batchSize)
        }
        var scaled: [RunPlan] = []
        for ranks in Set(choice.ranks).sorted() {
            // With one rank, strong and weak scaling are the same run.
            let groups = ranks == 1 ? [choice.modes] : choice.modes.map { [$0] }
            for modes in groups {
                let batch = modes == [.weak] ? choice.batchSize * ranks : choice.batchSize
                scaled.append(
                    RunPlan(series: modes, ranks: ranks, isLaunched: true, threads: choice.threads, batchSize: batch))
            }
        }
        let exchanges = Set(choice.ranks).sorted().filter { $0 > 1 }.flatMap { ranks in
            [Series.latency, .exchange].map {
                RunPlan(
                    series: [$0], ranks: ranks, isLaunched: true, threads: choice.threads,
                    batchSize: ranks * choice.microBatchSize)
            }
        }
        return base + smallBatches(choice) + scaled + exchanges
    }

    /// A single process on one thread, in no series.
    public static func trial(sequences: Int) -> RunPlan {
        RunPlan(series: [], ranks: 1, isLaunched: false, threads: 1, batchSize: sequences)
    }

    /// 1, 2, 4 …, all cores, and all their hardware threads.
    static func baseThreads(cores: Int, processors: Int) -> [Int] {
        Set(sequence(first: 1) { $0 * 2 }.prefix { $0 < cores } + [max(1, cores), max(1, processors)]).sorted()
    }

    /// A half, a quarter and an eighth of the batch, at least one micro-batch, on all cores.
    ///
    /// The smallest also runs on one thread: threads may divide a cost that doesn't shrink with the
    /// batch.
    private static func smallBatches(_ choice: Choice) -> [RunPlan] {
        let sizes = [2, 4, 8].map { choice.batchSize / $0 }.filter { $0 >= choice.microBatchSize }
        let all = Set(sizes).sorted(by: >).map { (threads: choice.cores, batch: $0) }
        let single = sizes.min().map { [(threads: 1, batch: $0)] } ?? []
        return (all + (choice.cores > 1 ? single : [])).map {
            RunPlan(series: [.smallBatch], ranks: 1, isLaunched: false, threads: $0.threads, batchSize: $0.batch)
        }
    }

    /// The order of the configurations in a repeat: each repeat starts one configuration later, in
    /// rotation.
    public static func order(_ plans: [RunPlan], repeat index: Int) -> [RunPlan] {
        guard !plans.isEmpty else { return [] }
        let start = index % plans.count
        return Array(plans[start...] + plans[..<start])
    }
}
