/// The measurements as comma-separated values, RFC 4180.
enum CommaSeparated {
    private static let configurationFields = [
        "configuration", "series", "placement", "ranks", "threads", "hosts", "machines", "cores_per_machine",
        "cores_used", "batch_size",
    ]

    /// One line per counted step.
    static func steps(_ experiment: Experiment) -> String {
        let header =
            configurationFields + ["repeat", "step", "seconds"] + StepParts.fields.map { "\($0.name)_seconds" }
        let lines = experiment.measurements.flatMap { measurement in
            measurement.runs.flatMap { run in
                run.steps.map { step in
                    configuration(measurement) + ["\(run.repetition)", "\(step.step)", "\(step.seconds)"]
                        + StepParts.fields.map { "\(step.parts[keyPath: $0.path])" }
                }
            }
        }
        return table([header] + lines)
    }

    /// One line per configuration.
    static func summary(_ experiment: Experiment) -> String {
        let header =
            configurationFields + [
                "runs", "median_seconds", "low_seconds", "high_seconds", "interval_coverage", "tokens_per_second",
                "speedup", "efficiency", "rank_speedup", "rank_efficiency", "gradient_bytes", "algbw_bytes_per_second",
                "busbw_bytes_per_second",
                "peak_memory_bytes", "model_seconds", "left_out_prediction_seconds", "left_out_prediction_error",
            ] + StepParts.fields.map { "\($0.name)_seconds" } + ["thread_speedup", "thread_efficiency"]
        return table([header] + experiment.measurements.map { summary($0, experiment) })
    }

    private static func summary(_ measurement: Measurement, _ experiment: Experiment) -> [String] {
        let time = measurement.seconds
        let check = experiment.checks.first { $0.name == measurement.plan.name }
        let point = experiment.threadPoint(measurement)
        let isTiny = measurement.plan.isIn(.latency)
        let isTraining = !isTiny && !measurement.plan.isIn(.exchange)
        let parallel = measurement.plan.isScaled ? experiment.parallel(measurement) : nil
        let numbers: [Double?] = [
            time.median, time.low, time.high, time.coverage, measurement.tokensPerSecond,
            isTraining ? experiment.speedup(measurement) : nil, isTraining ? experiment.efficiency(measurement) : nil,
            parallel?.speedup, parallel?.efficiency, Double(measurement.workload.gradientBytes),
            measurement.algorithmBandwidth, measurement.busBandwidth, Double(measurement.peakMemory),
            isTiny ? nil : experiment.model.predict(measurement.layout, measurement.workload)?.seconds,
            check?.predictedSeconds ?? point?.unseenSeconds, check?.error ?? point?.error,
        ]
        return configuration(measurement) + ["\(time.count)"] + numbers.map { $0.map { "\($0)" } ?? "" }
            + StepParts.fields.map { "\(measurement.parts[keyPath: $0.path])" }
            + [point?.speedup, point?.speedup.map { $0 / Double(measurement.layout.threads) }].map {
                $0.map { "\($0)" } ?? ""
            }
    }

    private static func configuration(_ measurement: Measurement) -> [String] {
        let (plan, layout) = (measurement.plan, measurement.layout)
        return [plan.name, plan.series.map(\.rawValue).joined(separator: "+"), layout.label]
            + [
                layout.ranks, layout.threads, layout.hosts, layout.machines, layout.coresPerMachine, layout.usedCores,
                plan.batchSize,
            ].map(String.init)
    }

    private static func table(_ rows: [[String]]) -> String {
        rows.map { $0.map(quoted).joined(separator: ",") + "\n" }.joined()
    }

    private static func quoted(_ field: String) -> String {
        guard field.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) else { return field }
        return "\"" + field.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }
}
