import DTrainCore
import Glibc
import Pages

/// The contents of a metrics file, in memory that doesn't grow with the file.
public struct RunMetrics: Sendable {
    /// The file.
    public let path: String
    /// A sentence about lines that were left out; nil if all were read.
    public private(set) var remark: String?

    /// The loss, learning rate and gradient norm by step.
    private(set) var loss = Trace()
    private(set) var learningRate = Trace()
    private(set) var gradientNorm = Trace()
    /// Characters or bytes a second.
    private(set) var speed = Trace()
    /// Held-out losses by step.
    private(set) var heldOut = Trace()
    /// The mean loss of each epoch, and the held-out loss after it, by epoch.
    private(set) var epochLoss = Trace()
    private(set) var epochHeldOut = Trace()

    /// The last step, 0 for none; finished epochs.
    private(set) var (steps, epochs) = (0, 0)
    /// The lowest and the last held-out loss.
    private(set) var (best, latest): (HeldOutLoss?, HeldOutLoss?) = (nil, nil)
    /// The exact mean loss of epoch 1; nil if there is none.
    private(set) var firstEpochLoss: Double?
    /// Wall seconds of steps and of held-out evaluations.
    private(set) var (stepSeconds, heldOutSeconds) = (0.0, 0.0)
    private(set) var tokens = 0.0
    /// The sums over all profiled steps, and their number.
    private(set) var (parts, profiledSteps) = (PhaseSeconds(), 0)

    private var (badLines, firstBadLine) = (0, 0)

    private static let leastSeconds = 1e-9

    /// Reads a file line by line; skips and counts lines that aren't metrics.
    ///
    /// - Throws: `DTrainError` with `noInput` or `inputOutput` if it can't be read, `badData` if it
    ///   has no line of metrics.
    public init(path: String) throws {
        self.path = path
        let file = try MappedFile(path: path, kind: "metrics file")
        var number = 0
        var rest = file.bytes
        while !rest.isEmpty {
            number += 1
            let length = Self.lineLength(rest)
            let isWhole = length < rest.count
            take(UnsafeRawBufferPointer(rebasing: rest[..<length]), number: number, isWhole: isWhole)
            rest = UnsafeRawBufferPointer(rebasing: rest[min(rest.count, length + 1)...])
        }
        guard steps > 0 || epochs > 0 else {
            throw DTrainError(
                .badData, "'\(path)' holds no metrics; name a file that 'dtrain train' wrote with `metrics`")
        }
        guard badLines > 0 else { return }
        let place =
            badLines == 1
            ? "line \(firstBadLine.grouped) is"
            : "\(badLines.grouped) lines, the first is line \(firstBadLine.grouped), are"
        remark = "'\(path)': \(place) left out: no metrics, or out of order"
    }

    private static func lineLength(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard let start = bytes.baseAddress, let end = memchr(start, 10, bytes.count) else { return bytes.count }
        return UnsafeRawPointer(end) - start
    }

    private mutating func take(_ bytes: UnsafeRawBufferPointer, number: Int, isWhole: Bool) {
        guard let line = MetricsLine(bytes), take(line) else {
            // A run in progress may have written part of its last line.
            guard isWhole else { return }
            badLines += 1
            if badLines == 1 { firstBadLine = number }
            return
        }
    }

    /// Adds a line, and returns whether it is in order.
    private mutating func take(_ line: MetricsLine) -> Bool {
        switch line.kind {
        case .step: takeStep(line)
        case .epoch: takeEpoch(line)
        case .validation: takeHeldOut(line)
        case nil: false
        }
    }

    private mutating func takeStep(_ line: MetricsLine) -> Bool {
        guard let step = line.step, step > steps, let value = line.loss else { return false }
        steps = step
        loss.add(value, at: step)
        if let rate = line.learningRate { learningRate.add(rate, at: step) }
        if let norm = line.gradientNorm { gradientNorm.add(norm, at: step) }
        // No step is shorter, and the division must not overflow.
        if let seconds = line.seconds, seconds >= Self.leastSeconds {
            stepSeconds += seconds
            if let count = line.tokens, count >= 0 {
                tokens += count
                speed.add(count / seconds, at: step, weight: seconds)
            }
        }
        if let parts = line.parts {
            self.parts += parts
            profiledSteps += 1
        }
        return true
    }

    private mutating func takeEpoch(_ line: MetricsLine) -> Bool {
        guard let epoch = line.epoch, epoch > epochs, let value = line.epochLoss else { return false }
        epochs = epoch
        if epoch == 1 { firstEpochLoss = value }
        epochLoss.add(value, at: epoch)
        heldOutSeconds += max(0, line.validationSeconds ?? 0)
        if let held = line.validationLoss {
            epochHeldOut.add(held, at: epoch)
            if steps > 0 { heldOut.add(held, at: steps) }
            note(HeldOutLoss(loss: held, epoch: epoch, step: steps, endsEpoch: true))
        }
        return true
    }

    private mutating func takeHeldOut(_ line: MetricsLine) -> Bool {
        guard let step = line.step, step >= steps, let value = line.validationLoss else { return false }
        heldOutSeconds += max(0, line.seconds ?? 0)
        heldOut.add(value, at: step)
        note(HeldOutLoss(loss: value, epoch: line.epoch ?? epochs + 1, step: step, endsEpoch: false))
        return true
    }

    private mutating func note(_ measurement: HeldOutLoss) {
        latest = measurement
        if measurement.loss < best?.loss ?? .infinity { best = measurement }
    }

    /// Characters or bytes per second over all steps; nil if no step has a time.
    var meanSpeed: Double? { stepSeconds > 0 && tokens > 0 ? tokens / stepSeconds : nil }
}
