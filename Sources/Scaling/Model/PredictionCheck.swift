/// A measured configuration beside what the model says of it without having seen its number of ranks.
public struct PredictionCheck: Hashable, Sendable, Codable {
    /// The configuration's name.
    public let name: String
    /// Strong or weak.
    public let series: Series
    /// Its ranks.
    public let ranks: Int
    /// What the ranks share.
    public let layout: String
    /// The rank counts that the model was fitted to.
    public let fittedTo: [Int]
    /// The measured seconds of a step.
    public let measuredSeconds: Double
    /// The predicted ones.
    public let predictedSeconds: Double
    /// (predicted − measured) / measured.
    public let error: Double

    /// Predicts each measured number of ranks above 1 from all other numbers of ranks.
    ///
    /// A number of ranks without which no exchange was measured can't be checked, and is left out; nor can one with a core
    /// for each worker be checked by exchanges of ranks that took turns, which took as long as the scheduler liked.
    public static func all(_ measurements: [Measurement]) -> [PredictionCheck] {
        let scaled = measurements.filter { $0.layout.ranks > 1 && ($0.plan.isIn(.strong) || $0.plan.isIn(.weak)) }
        return Set(scaled.map(\.layout.ranks)).sorted().flatMap { ranks -> [PredictionCheck] in
            let others = measurements.filter { $0.layout.ranks != ranks }
            guard let model = CostModel(fittedTo: others) else { return [] }
            let fittedTo = Set(others.map(\.layout.ranks)).sorted()
            let knowsExchange = others.contains { $0.layout.ranks > 1 && !$0.layout.isOversubscribed }
            return scaled.filter { $0.layout.ranks == ranks && (knowsExchange || $0.layout.isOversubscribed) }
                .compactMap { check($0, model, fittedTo) }
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
