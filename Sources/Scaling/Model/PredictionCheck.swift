/// A measured configuration and its prediction by a model that was fitted without trainings on its
/// number of ranks.
public struct PredictionCheck: Hashable, Sendable, Codable {
    /// The configuration's name.
    public let name: String
    /// Strong or weak.
    public let series: Series
    /// Its number of ranks.
    public let ranks: Int
    /// A description of the shared cores and hosts.
    public let layout: String
    /// The rank counts of the trainings in the fit.
    public let fittedTo: [Int]
    /// The measured seconds of a step.
    public let measuredSeconds: Double
    /// The predicted seconds of a step.
    public let predictedSeconds: Double
    /// (predicted − measured) / measured.
    public let error: Double

    /// Predicts each measured number of ranks above 1 from all other measurements: single
    /// processes, trainings on other numbers of ranks, and runs that measure only the exchange.
    ///
    /// Without a measured exchange there is nothing to check.
    public static func all(_ measurements: [Measurement]) -> [PredictionCheck] {
        let scaled = measurements.filter { $0.layout.ranks > 1 && $0.plan.isScaled }
        return Set(scaled.map(\.layout.ranks)).sorted().flatMap { ranks -> [PredictionCheck] in
            let others = measurements.filter { !($0.plan.isScaled && $0.layout.ranks == ranks) }
            guard let model = CostModel(fittedTo: others) else { return [] }
            let trainings = others.filter { !$0.plan.isIn(.latency) && !$0.plan.isIn(.exchange) }
            let fittedTo = Set(trainings.map(\.layout.ranks)).sorted()
            return scaled.filter { $0.layout.ranks == ranks }.compactMap { check($0, model, fittedTo) }
        }
    }

    private static func check(_ measurement: Measurement, _ model: CostModel, _ fittedTo: [Int]) -> PredictionCheck? {
        guard let predicted = model.predict(measurement.layout, measurement.workload)?.seconds else { return nil }
        let measured = measurement.seconds.median
        return PredictionCheck(
            name: measurement.plan.name, series: measurement.plan.isIn(.strong) ? .strong : .weak,
            ranks: measurement.layout.ranks, layout: measurement.layout.label, fittedTo: fittedTo,
            measuredSeconds: measured, predictedSeconds: predicted, error: (predicted - measured) / measured)
    }
}
