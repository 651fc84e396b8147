import Pages

/// The tables of the report.
enum Tables {
    static func measured(_ experiment: Experiment) -> Markup {
        let series: [Series] = [.base, .strong, .weak, .exchange]
        let rows = series.flatMap { series in
            experiment.measured(series).map { measurement -> [String] in
                let time = measurement.seconds
                return [
                    series.rawValue, series == .base ? processText(measurement.layout) : rankText(measurement.layout),
                    "\(measurement.plan.batchSize)", seconds(time.median),
                    "\(seconds(time.low)) – \(seconds(time.high))", compact(measurement.tokensPerSecond),
                    series == .exchange ? "" : threeDigits(experiment.speedup(measurement)),
                    series == .exchange ? "" : percent(experiment.efficiency(measurement)),
                    measurement.algorithmBandwidth.map { bytes($0) + "/s" } ?? "",
                    measurement.busBandwidth.map { bytes($0) + "/s" } ?? "",
                ]
            }
        }
        let coverage = experiment.base.seconds.coverage
        return "<p class=\"soft\">Medians of \(count(experiment.setting.repeats, "run")) of "
            + "\(count(experiment.setting.steps, "step")) after \(experiment.setting.warmUp) of warm-up; the interval "
            + "encloses the median with \(percent(coverage)). algbw: gradient bytes by seconds of the exchange; busbw: "
            + "algbw × 2(n − 1)/n, of the exchange alone where a training leaves it nothing to hide behind (exchange).</p>"
            + table(
                [
                    "", "ranks", "batch", "step", "interval", "tokens/s", "speed-up", "efficiency", "algbw", "busbw",
                ], rows, textColumns: [1])
    }

    static func checks(_ experiment: Experiment) -> Markup {
        table(
            ["", "ranks", "fitted to trainings on", "measured", "predicted", "error", "placement"],
            experiment.checks.map {
                [
                    $0.series.rawValue, "\($0.ranks)", $0.fittedTo.map(String.init).joined(separator: ", "),
                    seconds($0.measuredSeconds), seconds($0.predictedSeconds), percent($0.error, signed: true),
                    $0.layout,
                ]
            }, textColumns: [6])
    }

    static func projections(_ experiment: Experiment) -> Markup {
        experiment.projections.map { projection -> Markup in
            let rows = projection.points.map { point in
                [
                    "\(point.ranks)", seconds(point.seconds), compact(point.tokensPerSecond), percent(point.efficiency),
                    seconds(point.step.exchange), point.limit.rawValue,
                    point.extrapolates.isEmpty ? "no" : point.extrapolates.joined(separator: ", "),
                ]
            }
            return
                "<details><summary>\(projection.series.rawValue) scaling over \(projection.linkName)</summary>"
                + table(
                    ["ranks", "step", "tokens/s", "efficiency", "exchange", "limit", "extrapolates"], rows,
                    textColumns: [5, 6]) + "</details>"
        }.joined(separator: "\n")
    }

    static func machine(_ experiment: Experiment) -> Markup {
        let setting = experiment.setting
        let hosts = Set(setting.hosts.map(\.host)).sorted().joined(separator: ", ")
        let machines = Set(setting.hosts.map(\.boot)).count
        let networks = Set(setting.hosts.map { "\($0.boot) \($0.network) \($0.host)" }).count
        return list([
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
                    + "\(seconds(model.secondsPerSequence)) a sequence, on one core"
            ),
            (
                "Busy cores",
                "each further one adds \(seconds(model.fixedContention)) and \(seconds(model.sequenceContention)) a sequence"
            ),
            (
                "Small batches",
                "\(percent(model.batchEfficiency(rows: rows, threads: threads, busyCores: busy))) of the speed of a very large batch with "
                    + "\(plain(rows)) sequences a worker, \(percent(model.batchEfficiency(rows: small, threads: threads, busyCores: busy))) with \(plain(small))"
            ),
            (
                "Every rank",
                "\(seconds(model.optimizerSeconds)) for the optimiser on one thread; packing, \(seconds(model.packSeconds)), "
                    + "is divided among the ranks of a host"
            ),
            ("Skew", "\(percent(model.skew)) spread of workers' compute times"),
        ]
        for link in [model.sharedMemory, model.network].compactMap({ $0 }) {
            let rate = link.bandwidth.map { bytes($0) + "/s" } ?? "no cost of bytes seen"
            entries.append(
                (
                    link.kind == .network ? "Network" : "Shared memory",
                    "\(seconds(link.secondsPerMessage)) a message, \(rate)"
                ))
        }
        entries.append(
            ("Memory", "\(bytes(model.fixedMemory)) and \(bytes(model.memoryPerSequence)) a sequence of a rank"))
        return list(entries)
    }

    private static func list(_ entries: [(name: String, text: String)]) -> Markup { Parts.list(entries) }

    static func table(_ header: [String], _ rows: [[String]], textColumns: Set<Int>) -> Markup {
        Table(header, rows, textColumns: textColumns).html
    }
}
