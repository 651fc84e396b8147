@testable import Scaling

/// Measurements of a synthetic machine with known costs.
struct Synthetic {
    var fixed = 0.006
    /// Seconds on one thread; divided by the rank's threads.
    var divided = 0.004
    var perSequence = 0.005
    var fixedContention = 0.001
    var sequenceContention = 0.0004
    var pack = 0.004
    var packContention = 0.0005
    var optimizer = 0.005
    var optimizerContention = 0.002
    var other = 0.0001
    var skew = 0.01
    var secondsPerMessage = 20e-6
    var secondsPerByte = 0.25e-9
    var cores = 4
    var gradientBytes = 16_000_000
    /// Whether each rank has its own network host instead of shared memory.
    var isNetwork = false
    var memory = 100_000_000.0
    var memoryPerSequence = 1_000_000.0

    static let sequenceLength = 100
    static let microBatch = 8

    /// The layout that `dtrain scale` would report for a plan.
    func layout(_ plan: RunPlan) -> Layout {
        let hosts = isNetwork ? plan.ranks : 1
        return Layout(
            ranks: plan.ranks, threads: plan.threads ?? 1, hosts: hosts, machines: hosts, coresPerMachine: cores)
    }

    func workload(_ plan: RunPlan) -> Workload {
        Workload(
            batchSize: plan.batchSize, microBatchSize: Self.microBatch, sequenceLength: Self.sequenceLength,
            gradientBytes: plan.isIn(.latency) ? 4000 : gradientBytes)
    }

    /// A step by the formulas of docs/scaling.md, implemented independently.
    func parts(_ layout: Layout, _ workload: Workload) -> StepParts {
        let workers = Double(layout.ranks * layout.threads)
        let perMachine = workers / Double(layout.machines)
        let busy = min(perMachine, Double(layout.coresPerMachine))
        let turns = max(1, perMachine / Double(layout.coresPerMachine))
        let microBatches = (workload.batchSize + Self.microBatch - 1) / Self.microBatch
        let most = (microBatches + layout.ranks - 1) / layout.ranks * Self.microBatch
        let rows = Double(min(most, workload.batchSize)) / Double(layout.threads)
        var parts = StepParts()
        let alone = fixed + divided / Double(layout.threads) + perSequence * rows
        let compute = turns * (alone + (busy - 1) * (fixedContention + sequenceContention * rows))
        (parts.forward, parts.backward, parts.weightGradient) = (compute * 0.3, compute * 0.3, compute * 0.4)
        let (threads, perHost) = (Double(layout.threads), Double(layout.ranks) / Double(layout.hosts))
        parts.pack = turns * (pack + (busy - 1) * packContention) / (threads * perHost)
        parts.adam = turns * (optimizer + (busy - 1) * optimizerContention) / threads
        parts.other = turns * other
        parts.wait = skew * expectedNormalMaximum(of: Int(workers)) * compute
        guard layout.ranks > 1 else { return parts }
        // Powers of two divide the tree into whole nodes, so each direction moves the gradient
        // minus the rank's own part.
        let ranks = Double(layout.ranks)
        let bytes = 2 * (ranks - 1) / ranks * Double(workload.gradientBytes)
        let perCore = bytes * ranks / min(ranks, Double(layout.coresPerMachine))
        parts.exchange = turns * secondsPerMessage * 2 * (ranks - 1) + secondsPerByte * (isNetwork ? bytes : perCore)
        return parts
    }

    func measurement(_ plan: RunPlan, repeats: Int = 5) -> Measurement? {
        let (layout, workload) = (layout(plan), workload(plan))
        let parts = parts(layout, workload)
        let step = StepSample(step: 4, seconds: parts.total, parts: parts)
        let memory = memory + memoryPerSequence * Double(workload.rows(ranks: layout.ranks))
        let runs = (1...repeats).map {
            RunRecord(
                repetition: $0, command: "dtrain train, \"quoted\"", steps: [step, step], peakMemory: Int(memory))
        }
        return Measurement(plan: plan, layout: layout, workload: workload, runs: runs)
    }

    func measurements(ranks: [Int] = [1, 2, 4], modes: [Series] = [.strong, .weak]) -> [Measurement] {
        RunPlan.all(
            RunPlan.Choice(
                ranks: ranks, modes: modes, threads: 1, batchSize: 64, microBatchSize: Self.microBatch, cores: cores)
        ).compactMap { measurement($0) }
    }

    func experiment(ranks: [Int] = [1, 2, 4]) -> Experiment? {
        let machine = RankHost(
            host: "node <1>", boot: "b", network: "n", processors: Array(0..<cores), machineProcessors: cores,
            threads: 1, cpu: "AMD EPYC 9754 128-Core Processor with a rather long name", memory: 64 << 30)
        let setting = Experiment.Setting(
            version: "0", date: "2030-01-02 03:04 UTC", command: "dtrain scale --ranks 1,2,4", mpi: "Open MPI 4.1.4",
            model: "the tutorial's model, batch 64 × 100", hosts: [machine], cores: cores, repeats: 5, steps: 2,
            warmUp: 3)
        return Experiment(setting, measurements(ranks: ranks))
    }
}
