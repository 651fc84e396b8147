/// The timings of a short trial run, used to estimate an experiment's duration.
public struct Trial: Hashable, Sendable {
    /// Seconds of a process outside its steps: reading the text, initializing the weights, writing
    /// the checkpoint.
    public let startSeconds: Double
    /// Seconds for the launcher to start and end the largest number of ranks; 0 without a launcher.
    public let launchSeconds: Double
    /// Seconds per sequence of a step, on one thread.
    public let secondsPerSequence: Double

    /// Creates the timings of a trial.
    public init(startSeconds: Double, launchSeconds: Double, secondsPerSequence: Double) {
        (self.startSeconds, self.launchSeconds) = (max(0, startSeconds), max(0, launchSeconds))
        self.secondsPerSequence = max(0, secondsPerSequence)
    }
}

/// An estimate of an experiment's duration from a trial and from the finished runs.
public struct TimeEstimate: Sendable {
    private var guesses: [RunPlan: Double] = [:]
    private var taken: [RunPlan: [Double]] = [:]

    /// Estimates the seconds per run of each configuration.
    ///
    /// - Parameters:
    ///   - places: the configurations and the placement of their ranks.
    ///   - steps: steps per run, warm-up included.
    public init(_ places: [Progress.Place], trial: Trial, steps: Int) {
        for place in places {
            // The tiny model's steps take a negligible time beside its start-up.
            let sequences = place.plan.isIn(.latency) ? 0 : Double(place.plan.batchSize)
            let step = sequences * trial.secondsPerSequence / Double(place.layout.usedCores)
            guesses[place.plan] =
                trial.startSeconds + (place.plan.isLaunched ? trial.launchSeconds : 0) + Double(steps) * step
        }
    }

    /// Adds a finished run to the estimate.
    public mutating func add(_ plan: RunPlan, seconds: Double) { taken[plan, default: []].append(seconds) }

    /// The estimated seconds of some runs.
    ///
    /// A configuration with finished runs takes their mean. Any other takes its estimate, scaled by
    /// the ratio of measured to estimated time over the finished runs.
    public func seconds(of plans: [RunPlan]) -> Double {
        let finished = taken.reduce((taken: 0.0, guessed: 0.0)) { sum, entry in
            guard let guess = guesses[entry.key] else { return sum }
            return (sum.taken + entry.value.reduce(0, +), sum.guessed + guess * Double(entry.value.count))
        }
        let correction = finished.guessed > 0 ? finished.taken / finished.guessed : 1
        return plans.reduce(0) { sum, plan in
            let runs = taken[plan] ?? []
            return sum
                + (runs.isEmpty ? (guesses[plan] ?? 0) * correction : runs.reduce(0, +) / Double(runs.count))
        }
    }
}
