import DTrainCore

/// The rules for resuming beside those of single settings: the text stays, the progress adds up, and another arithmetic is told.
enum ResumeRules {
    /// Refuses another text than the checkpoint's.
    ///
    /// - Throws: `DTrainError` with `badData` that names both checksums.
    static func check(_ start: StartingPoint.Summary, corpus: Corpus) throws {
        guard let path = start.path, let checksum = start.corpusChecksum, checksum != corpus.checksum else { return }
        throw DTrainError(
            .badData,
            "'\(corpus.name)' is not the text of '\(path)' (checksum \(corpus.checksum), then \(checksum)"
                + vocabularies(corpus) + ")",
            hint: "name the same text with `data`, or start a new training from the weights with `init`")
    }

    /// The sizes of the text's own vocabulary and of the checkpoint's, where they differ.
    private static func vocabularies(_ corpus: Corpus) -> String {
        guard corpus.tokenization == .characters,
            let now = (try? Corpus(corpus, vocabulary: nil))?.vocabulary.size, now != corpus.vocabulary.size
        else { return "" }
        return "; vocabulary of \(now), then \(corpus.vocabulary.size)"
    }

    /// Refuses other held-out data than the checkpoint's, in a file of its own.
    ///
    /// - Parameter heldOut: the file; nil where none is named.
    /// - Throws: `DTrainError` with `badData` or `usage` that says what was held out.
    static func check(_ start: StartingPoint.Summary, heldOut: Corpus?) throws {
        guard start.isResumed, let path = start.path, heldOut?.checksum != start.validationChecksum else { return }
        guard let checksum = start.validationChecksum else {
            throw DTrainError(
                .usage, "'\(path)' was trained without `validation-data`", hint: "leave it out, or start anew")
        }
        guard let heldOut else {
            throw DTrainError(
                .usage, "'\(path)' was trained with held-out data (checksum \(checksum))",
                hint: "name the same file with `validation-data`")
        }
        throw DTrainError(
            .badData,
            "'\(heldOut.name)' is not the held-out data of '\(path)' (checksum \(heldOut.checksum), then \(checksum))",
            hint: "name the same file with `validation-data`, or start anew")
    }

    /// What the user should know of a resumed training's arithmetic; nil where it stays the same.
    static func compare(_ start: StartingPoint.Summary, with now: Arithmetic) -> TrainingEvent? {
        guard start.isResumed, let path = start.path else { return nil }
        guard let before = start.arithmetic else {
            return .notice(
                "'\(path)' is from an earlier dtrain: from here on, the weights differ in their last bits from what that "
                    + "version would have computed")
        }
        guard before != now.rawValue else { return nil }
        return .warning(
            "'\(path)' was computed as \(before.quotedForMessage), which continues as '\(now.rawValue)': from here on, the "
                + "weights' bits differ from those of the training that never stopped")
    }

    /// Refuses a progress that no training on epochs of so many steps makes.
    ///
    /// - Throws: `DTrainError` with `badData` that names the file and the numbers.
    static func check(_ progress: TrainingProgress, stepsPerEpoch: Int, _ path: String) throws {
        let before = progress.epoch.multipliedReportingOverflow(by: stepsPerEpoch)
        let step = before.partialValue.addingReportingOverflow(progress.stepInEpoch)
        guard progress.stepInEpoch < stepsPerEpoch, !before.overflow, !step.overflow, step.partialValue == progress.step
        else {
            throw DTrainError(
                .badData,
                "'\(path)' is at step \(progress.step) with \(progress.epoch) epochs and \(progress.stepInEpoch) steps "
                    + "done, which epochs of \(stepsPerEpoch) steps don't add up to; resume from another checkpoint")
        }
    }
}
