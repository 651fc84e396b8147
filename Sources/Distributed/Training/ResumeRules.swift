import DTrainCore

/// The rules for resuming that concern no single setting: the same text, a consistent progress, the
/// arithmetic.
enum ResumeRules {
    /// Refuses a text that differs from the checkpoint's.
    ///
    /// - Throws: `DTrainError` with `badData` naming both checksums.
    static func check(_ start: StartingPoint.Summary, corpus: Corpus) throws {
        guard let path = start.path, let checksum = start.corpusChecksum, checksum != corpus.checksum else { return }
        throw DTrainError(
            .badData,
            "'\(corpus.name)' is not the text of '\(path)' (checksum \(corpus.checksum), then \(checksum)"
                + vocabularies(corpus) + ")",
            hint: "name the same text with `data`, or start a new training from the weights with `init`")
    }

    /// Returns the sizes of the text's own vocabulary and of the checkpoint's for the message, if
    /// they differ.
    private static func vocabularies(_ corpus: Corpus) -> String {
        guard corpus.tokenization == .characters,
            let now = (try? Corpus(corpus, vocabulary: nil))?.vocabulary.size, now != corpus.vocabulary.size
        else { return "" }
        return "; vocabulary of \(now), then \(corpus.vocabulary.size)"
    }

    /// Refuses a file of held-out data that differs from the checkpoint's.
    ///
    /// - Parameter heldOut: the file; nil if there is none.
    /// - Throws: `DTrainError` with `badData` or `usage` naming the checkpoint's held-out data.
    static func check(_ start: StartingPoint.Summary, heldOut: Corpus?) throws {
        guard start.isResumed, let path = start.path, heldOut?.checksum != start.validationChecksum else { return }
        guard let checksum = start.validationChecksum else {
            throw DTrainError(
                .usage, "'\(path)' was trained without `validation-data`", hint: "leave it out, or start a new training"
            )
        }
        guard let heldOut else {
            throw DTrainError(
                .usage, "'\(path)' was trained with held-out data (checksum \(checksum))",
                hint: "name the same file with `validation-data`")
        }
        throw DTrainError(
            .badData,
            "'\(heldOut.name)' is not the held-out data of '\(path)' (checksum \(heldOut.checksum), then \(checksum))",
            hint: "name the same file with `validation-data`, or start a new training")
    }

    /// Returns a notice or warning about a change of arithmetic at the resume; nil if it stays the
    /// same.
    static func compare(_ start: StartingPoint.Summary, with now: Arithmetic) -> TrainingEvent? {
        guard start.isResumed, let path = start.path else { return nil }
        guard let before = start.arithmetic else {
            return .notice(
                "'\(path)' is from an earlier dtrain: from here on, the weights differ in their last bits from what that "
                    + "version would have computed")
        }
        guard before != now.rawValue else { return nil }
        return .warning(
            "'\(path)' was computed as \(before.quotedForMessage) and continues as '\(now.rawValue)': from here on, the "
                + "weights' bits differ from those of an uninterrupted training")
    }

    /// Refuses a record of held-out losses that doesn't cover the finished epochs, as a training loop
    /// other than dtrain's may save it.
    ///
    /// - Throws: `DTrainError` with `badData` naming the file.
    static func checkRecord(_ start: StartingPoint.Summary) throws {
        let count = start.progress.validation?.epochLosses.count ?? 0
        guard start.isResumed, count != start.progress.epoch, let path = start.path else { return }
        throw DTrainError(
            .badData,
            "'\(path)' was trained with held-out data, but has the held-out losses of \(count) of its "
                + "\(start.progress.epoch) epochs",
            hint: "start a new training from its weights with `init`")
    }

    /// Refuses a progress whose step, epoch and step in the epoch don't add up.
    ///
    /// - Throws: `DTrainError` with `badData` naming the file and the numbers.
    static func check(_ progress: TrainingProgress, stepsPerEpoch: Int, _ path: String) throws {
        let before = progress.epoch.multipliedReportingOverflow(by: stepsPerEpoch)
        let step = before.partialValue.addingReportingOverflow(progress.stepInEpoch)
        // A pending measurement may belong to the end of an epoch.
        let isPending = progress.validation?.pendingStep != nil
        guard progress.stepInEpoch < stepsPerEpoch + (isPending ? 1 : 0), !before.overflow, !step.overflow,
            step.partialValue == progress.step
        else {
            throw DTrainError(
                .badData,
                "'\(path)' is inconsistent: step \(progress.step) doesn't match \(progress.epoch) epochs and "
                    + "\(progress.stepInEpoch) steps at \(stepsPerEpoch) steps per epoch; resume from another checkpoint"
            )
        }
    }
}
