import DTrainCore

extension TrainingPlan {
    /// Returns warnings about a probably unintended placement of ranks, threads and micro-batches,
    /// one line each.
    ///
    /// Collective; the result is the same on all ranks.
    package func placementWarnings() throws -> [String] {
        let processors = communicator.processors
        let all = try communicator.allGatherOnHost(threads)
        let load = processors.load(threads: all)
        let host = HostLoad(
            host: communicator.hostName, ranks: communicator.localSize, ownThreads: threads,
            hostThreads: all.reduce(0, +), threads: load.threads, processors: load.processors, quota: processors.quota,
            hostProcessors: processors.unionCount,
            idleCores: LauncherProcessors.idleCores(besides: processors.union),
            hasGivenThreads: options[.threads] != nil)
        let oversubscription = try communicator.allGather(host.oversubscription)
        let warnings = try communicator.allGather(host.warning ?? "")
        // The most oversubscribed host; the first one of several.
        let worst = warnings.indices.filter { !warnings[$0].isEmpty }.max {
            oversubscription[$0] < oversubscription[$1]
        }
        return (worst.map { [warnings[$0]] } ?? []) + idleRanksWarning
    }

    private var idleRanksWarning: [String] {
        let (ranks, size) = (communicator.size, options[.microBatchSize])
        let count = RankBatch.microBatchCount(batchSize: options[.batchSize], microBatchSize: size)
        guard ranks > count else { return [] }
        let batches = "\(count) micro-batch\(count == 1 ? "" : "es")"
        let idle = ranks - count == 1 ? "1 rank has" : "\(ranks - count) ranks have"
        return [
            "\(ranks) ranks share \(batches) per step, so \(idle) no work: start \(count), raise `batch-size` to "
                + "\(ranks * size), or start a new training with a lower `micro-batch-size`"
        ]
    }
}
