import Pages

/// The lists of an experiment's machine and fitted model.
enum MachineLists {
    static func machine(_ experiment: Experiment) -> Markup {
        let setting = experiment.setting
        let hosts = Set(setting.hosts.map(\.host)).sorted().joined(separator: ", ")
        let machines = Set(setting.hosts.map(\.boot)).count
        let networks = Set(setting.hosts.map { "\($0.boot) \($0.network) \($0.host)" }).count
        return Parts.list([
            ("CPU", Set(setting.hosts.map(\.cpu)).sorted().joined(separator: ", ")),
            ("Cores", "\(setting.cores) of this machine"),
            ("Hosts", hosts),
            ("Machines", machines == 1 && networks > 1 ? "1: \(networks) network hosts share it" : "\(machines)"),
            ("Memory", bytes(Double(setting.hosts.map(\.memory).min() ?? 0))),
            ("MPI", setting.mpi), ("dtrain", setting.version), ("Command", setting.command),
        ])
    }

    static func model(_ experiment: Experiment) -> Markup {
        let model = experiment.model
        let busy = model.mostBusyCores
        let threads = experiment.base.layout.threads
        let rows = experiment.base.workload.rows(experiment.base.layout)
        let small = Double(experiment.base.workload.microBatchSize)
        var entries = [
            (
                "Compute",
                "\(seconds(model.fixedSeconds)), \(seconds(model.dividedSeconds)) that a rank's threads divide, and "
                    + "\(seconds(model.secondsPerSequence)) per sequence, on one core"
            ),
            (
                "Busy cores",
                "each further one adds \(seconds(model.fixedContention)) and \(seconds(model.sequenceContention)) per sequence"
            ),
            (
                "Small batches",
                "\(percent(model.batchEfficiency(rows: rows, threads: threads, busyCores: busy))) of the speed of a very large batch with "
                    + "\(plain(rows)) sequences per worker, \(percent(model.batchEfficiency(rows: small, threads: threads, busyCores: busy))) with \(plain(small))"
            ),
            (
                "Every rank",
                "\(seconds(model.optimizerSeconds)) for the optimizer on one thread; packing, \(seconds(model.packSeconds)), "
                    + "is divided among the ranks of a host"
            ),
            ("Skew", "\(percent(model.skew)) spread of workers' compute times"),
        ]
        for link in [model.sharedMemory, model.network].compactMap({ $0 }) {
            let rate = link.bandwidth.map { bytes($0) + "/s" } ?? "no measurable cost per byte"
            entries.append(
                (
                    link.kind == .network ? "Network" : "Shared memory",
                    "\(seconds(link.secondsPerMessage)) per message, \(rate)"
                ))
        }
        entries.append(
            ("Memory", "\(bytes(model.fixedMemory)) and \(bytes(model.memoryPerSequence)) per sequence of a rank"))
        return Parts.list(entries)
    }
}
