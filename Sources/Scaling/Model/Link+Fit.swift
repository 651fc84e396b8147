extension Link {
    /// Fits α and β to exchanges over a link, tiny ones (the series latency) and whole gradients;
    /// nil without exchanges.
    init?(_ kind: Kind, fittedTo measurements: [Measurement]) {
        let tiny = measurements.filter { $0.plan.isIn(.latency) }
        let whole = measurements.filter { !$0.plan.isIn(.latency) }
        let costs: [Double]?
        if let perMessage = Self.secondsPerMessageOfBursts(tiny, whole) {
            costs = Self.secondsPerByte(whole, perMessage: perMessage).map { [perMessage, $0] }
        } else {
            costs = NonNegativeLeastSquares.solve(
                measurements.map {
                    let amounts = Self.amounts($0.layout, $0.workload)
                    return [amounts.messages, amounts.bytes]
                }, measurements.map(Self.seconds))
        }
        guard let costs else { return nil }
        self.init(kind: kind, origin: .measured, secondsPerMessage: costs[0], secondsPerByte: costs[1])
    }

    /// Seconds per message where tiny exchanges are faster than the whole ones' bandwidth allows;
    /// nil elsewhere.
    ///
    /// Rate-limited links (`tc tbf`, cloud networks) pass a burst of some kilobytes at full speed.
    /// No gradient reaches that bandwidth, so the time of such an exchange counts as latency alone.
    private static func secondsPerMessageOfBursts(_ tiny: [Measurement], _ whole: [Measurement]) -> Double? {
        guard let perByte = secondsPerByte(whole, perMessage: 0) else { return nil }
        let isBurst = tiny.contains { seconds(of: $0) < perByte * amounts($0.layout, $0.workload).bytes }
        return isBurst ? tiny.map { seconds(of: $0) / amounts($0.layout, $0.workload).messages }.min() : nil
    }

    private static func secondsPerByte(_ measurements: [Measurement], perMessage: Double) -> Double? {
        NonNegativeLeastSquares.solve(
            measurements.map { [amounts($0.layout, $0.workload).bytes] },
            measurements.map {
                max(seconds(of: $0) - perMessage * amounts($0.layout, $0.workload).messages, 1e-9)
            })?[0]
    }
}
