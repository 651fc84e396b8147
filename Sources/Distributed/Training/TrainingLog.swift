/// A log of a training, written by rank 0, such as its metrics.
///
/// A full disk doesn't end a training: what can't be written is kept and tried again with the next
/// event.
package protocol TrainingLog: AnyObject {
    /// Writes an event, if it is one that the log keeps.
    ///
    /// - Parameters:
    ///   - event: the event.
    ///   - report: called with a warning the first time that writing fails.
    func record(_ event: TrainingEvent, report: (TrainingEvent) -> Void) throws

    /// Flushes what is written to the disk, from any thread: a checkpoint mustn't be ahead of its
    /// logs.
    var flush: @Sendable () -> Void { get }

    /// Writes the rest, at the end of the training.
    ///
    /// - Throws: `DTrainError` with `inputOutput` when something is missing in the file.
    func finish() throws
}

/// Opens a log on rank 0, before the first step.
///
/// - Parameters:
///   - options: the options in force.
///   - predecessor: the relation of the training to what earlier ones have written.
/// - Returns: the log; nil if the options request none.
package typealias OpenTrainingLog = (
    _ options: TrainingOptions, _ predecessor: EarlierMetrics.Predecessor
) throws -> (any TrainingLog)?
