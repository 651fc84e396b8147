/// A point in a run, encoded in the name of a checkpoint file.
///
/// `ckpt_{epoch}.safetensors` is written after that many epochs. `ckpt_{epoch}_{step}.safetensors`
/// is written within an epoch, counted from 1, after that many of its steps. So `ckpt_3_40` lies
/// between `ckpt_2` and `ckpt_3`.
public struct CheckpointName: Hashable, Sendable, Comparable {
    /// The number of finished epochs.
    public let epoch: Int
    /// The number of steps done in the current epoch; 0 at the end of an epoch.
    public let stepInEpoch: Int

    /// Creates the name for a point in a run.
    public init(_ progress: TrainingProgress) {
        epoch = progress.epoch
        stepInEpoch = progress.stepInEpoch
    }

    /// Parses a file name; nil if it isn't a checkpoint's.
    public init?(_ fileName: String) {
        guard fileName.hasPrefix("ckpt_"), fileName.hasSuffix(".safetensors") else { return nil }
        let numbers = fileName.dropFirst("ckpt_".count).dropLast(".safetensors".count)
            .split(separator: "_", omittingEmptySubsequences: false).map { Int($0) }
        switch (numbers.count, numbers.first ?? nil, numbers.last ?? nil) {
        case (1, let finished?, _) where finished >= 0:
            (epoch, stepInEpoch) = (finished, 0)
        case (2, let running?, let step?) where running >= 1 && step >= 1:
            (epoch, stepInEpoch) = (running - 1, step)
        default: return nil
        }
        // Accept only the canonical spelling, without signs and leading zeros.
        guard self.fileName == fileName else { return nil }
    }

    /// The file's name.
    public var fileName: String {
        stepInEpoch == 0 ? "ckpt_\(epoch).safetensors" : "ckpt_\(epoch + 1)_\(stepInEpoch).safetensors"
    }

    /// Whether one comes before the other in a run.
    public static func < (left: Self, right: Self) -> Bool {
        (left.epoch, left.stepInEpoch) < (right.epoch, right.stepInEpoch)
    }
}
