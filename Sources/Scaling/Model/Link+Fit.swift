extension Link {
    /// Fits α and β to exchanges over a link, tiny ones (the series latency) and those of whole gradients; nil of none.
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

    /// What a message costs where tiny exchanges are quicker than their bytes would be in a whole one; nil elsewhere.
    ///
    /// Links whose rate is limited (`tc tbf`, cloud networks) let a burst of some kilobytes through at full speed. Its bytes would
    /// tell a bandwidth that no gradient ever gets, so nothing but the message is left of it.
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
