/// What a short trial run tells of the time that an experiment takes.
public struct Trial: Hashable, Sendable {
    /// Seconds of a process beside its steps: reading the text, initial weights, the checkpoint.
    public let startSeconds: Double
    /// Seconds that the launcher takes to start and end the most ranks; 0 without one.
    public let launchSeconds: Double
    /// Seconds of a step for each sequence, on one thread.
    public let secondsPerSequence: Double

    /// What a trial has taken.
    public init(startSeconds: Double, launchSeconds: Double, secondsPerSequence: Double) {
        (self.startSeconds, self.launchSeconds) = (max(0, startSeconds), max(0, launchSeconds))
        self.secondsPerSequence = max(0, secondsPerSequence)
    }
}

/// How long the runs of an experiment take: guessed from a trial, and from each run that is finished.
public struct TimeEstimate: Sendable {
    private var guesses: [RunPlan: Double] = [:]
    private var taken: [RunPlan: [Double]] = [:]

    /// Guesses the seconds of a run of each configuration.
    ///
    /// - Parameters:
    ///   - places: the configurations and where their ranks run.
    ///   - steps: steps of a run, warm-up included.
    public init(_ places: [Progress.Place], trial: Trial, steps: Int) {
        for place in places {
            // The tiny model's steps are nothing beside its start.
            let sequences = place.plan.isIn(.latency) ? 0 : Double(place.plan.batchSize)
            let step = sequences * trial.secondsPerSequence / Double(place.layout.usedCores)
            guesses[place.plan] =
                trial.startSeconds + (place.plan.isLaunched ? trial.launchSeconds : 0) + Double(steps) * step
        }
    }

    /// Takes a finished run into account.
    public mutating func add(_ plan: RunPlan, seconds: Double) { taken[plan, default: []].append(seconds) }

    /// The seconds of some runs: the mean of a configuration's finished ones, or its guess, corrected by what the finished
    /// runs of others have taken of theirs.
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
