import DTrainCore

/// The search for a resumed training's best checkpoint, which may have been lost: by a kill before it
/// was written, by a failed save, or with another folder.
struct BestCheckpoint {
    /// The progress of the training; its record names the best checkpoint that was found.
    private(set) var progress: TrainingProgress
    /// The file to copy to `ckpt_best`; nil if nothing is to be copied.
    private(set) var copy: String?
    /// A notice if the best checkpoint is lost.
    private(set) var remark: String?

    /// Searches; reads only.
    ///
    /// - Parameters:
    ///   - checkpoint: the checkpoint that is resumed.
    ///   - directory: the folder of the resumed training.
    ///   - heartbeat: beats while files are read.
    init(of checkpoint: Checkpoint, in directory: CheckpointDirectory, heartbeat: Heartbeat) {
        progress = checkpoint.metadata.progress ?? TrainingProgress()
        guard let record = progress.validation, let loss = record.bestLoss else { return }
        func isBest(_ other: Checkpoint?) -> Bool {
            guard let saved = other?.metadata.progress?.validation else { return false }
            return (saved.bestLoss, saved.bestStep) == (record.bestLoss, record.bestStep)
        }
        let own = directory.readBest(heartbeat: heartbeat)
        if isBest(own) { return }
        let source = CheckpointDirectory(path: Folder.parent(of: checkpoint.path))
        if record.bestStep == progress.step {
            copy = checkpoint.path
        } else if source != directory, isBest(source.readBest(heartbeat: heartbeat)) {
            copy = source.best
        } else {
            let earlier = own.flatMap { Self.isEarlier($0, than: checkpoint) ? $0.metadata.progress?.validation : nil }
            progress.validation?.replaceBest(by: earlier)
            remark =
                "the checkpoint with the lowest held-out loss (\(loss), after step \(record.bestStep)) is lost; "
                + (earlier.map { "\(CheckpointDirectory.bestName) is still that after step \($0.bestStep)" }
                    ?? "\(CheckpointDirectory.bestName) will be the best one from here on")
        }
    }

    /// Whether a checkpoint is an earlier one of the same training.
    private static func isEarlier(_ other: Checkpoint, than checkpoint: Checkpoint) -> Bool {
        let (other, this) = (other.metadata, checkpoint.metadata)
        guard let earlier = other.progress, let last = this.progress else { return false }
        return earlier.step <= last.step && last.epochLosses.starts(with: earlier.epochLosses)
            && other.settings?[.seed] == this.settings?[.seed] && other.model == this.model
            && (other.corpusChecksum, other.validationChecksum) == (this.corpusChecksum, this.validationChecksum)
    }
}
