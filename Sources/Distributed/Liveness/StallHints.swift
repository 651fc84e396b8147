/// What a user can do about a lost or stalled rank, in the terms of the program that runs the job.
package struct StallHints: Hashable, Sendable {
    /// After a rank was lost.
    package var lost = "resume from the last checkpoint"
    /// After a rank of a training has stalled.
    package var stalled = "look at what holds it up, resume from the last checkpoint, or raise the stall timeout"
    /// After a rank has stalled at the start or the end of the job.
    package var stalledOutsideTraining = "look at what holds it up, or raise the stall timeout"

    /// Hints that fit any program.
    package init() {}
}
