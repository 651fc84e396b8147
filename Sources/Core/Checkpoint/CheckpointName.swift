/// The place of a checkpoint in a training, as its file's name tells it.
///
/// `ckpt_{epoch}.safetensors` is written when that many epochs are finished; `ckpt_{epoch}_{step}.safetensors` inside
/// the epoch of that number (the first is 1) after that many of its steps. So `ckpt_3_40` lies between `ckpt_2` and
/// `ckpt_3`.
public struct CheckpointName: Hashable, Sendable, Comparable {
    /// Finished epochs.
    public let epoch: Int
    /// Steps done in the epoch that has begun; 0 at the end of an epoch.
    public let stepInEpoch: Int

    /// The name for a point in a training.
    public init(_ progress: TrainingProgress) {
        epoch = progress.epoch
        stepInEpoch = progress.stepInEpoch
    }

    /// Reads a file name; nil when it isn't a checkpoint's.
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
        // Only the one spelling that is written: no sign, no leading zeros.
        guard self.fileName == fileName else { return nil }
    }

    /// The file's name.
    public var fileName: String {
        stepInEpoch == 0 ? "ckpt_\(epoch).safetensors" : "ckpt_\(epoch + 1)_\(stepInEpoch).safetensors"
    }

    /// Whether one comes before the other in the training.
    public static func < (left: Self, right: Self) -> Bool {
        (left.epoch, left.stepInEpoch) < (right.epoch, right.stepInEpoch)
    }
}
