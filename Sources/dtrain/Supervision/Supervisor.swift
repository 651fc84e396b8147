import DTrainCore
import Glibc
import Pages

/// Runs a job and restarts it until it succeeds or makes no progress.
struct Supervisor {
    private let job: SupervisedCommand
    private let restarts: Int
    private let backoff: Double

    /// Exit codes that a restart can't change.
    private static let finalCodes: Set<Int32> = [
        0, DTrainError.Category.usage.rawValue, DTrainError.Category.badData.rawValue,
        DTrainError.Category.noInput.rawValue, 75,
    ]
    /// The longest pause between attempts, in seconds.
    private static let longestWait = 600.0

    init(job: SupervisedCommand, restarts: Int, backoff: Double) {
        (self.job, self.restarts, self.backoff) = (job, restarts, backoff)
    }

    /// Runs the job with its restarts and returns the last exit code.
    func run() throws -> Int32 {
        let signals = SignalQueue()
        let note = Supervision.Note()
        let atStart = job.newestCheckpoint()
        var last = atStart
        var failures: [String] = []
        while true {
            let attempt = failures.count + 1
            // An unchanged checkpoint belongs to an earlier run. A job that resumes it has
            // `--resume` already.
            let isOwn = last != nil && last != atStart
            let arguments = attempt > 1 && isOwn ? job.resumed : job.arguments
            let start = Clock.seconds
            var end = try ChildJob(arguments, isApart: job.namesLauncher, note: note).run(signals)
            let newest = job.newestCheckpoint()
            let place = newest.map { "newest checkpoint \($0.fileName)" } ?? "no checkpoint"
            let line = "\(end.description) after \(Int(Clock.seconds - start)) s, \(place)"
            Console.notice("supervise: attempt \(attempt): \(line)")
            let removed = end.leftovers.remove()
            if removed > 0 {
                Console.notice(
                    "supervise: removed \(removed) leftovers of attempt \(attempt) from shared memory and temporary folders"
                )
            }
            if Self.finalCodes.contains(end.code) || end.stopRequested { return end.code }
            failures.append("attempt \(attempt): \(line)\(end.lastError.map { " (\($0))" } ?? "")")
            if let reason = reasonToGiveUp(attempt: attempt, from: last, to: newest) {
                Console.error("gave up: \(reason); \(failures.joined(separator: "; "))")
                return end.code
            }
            last = newest
            let pause = min(Self.longestWait, backoff * Double(1 << min(attempt - 1, 20)))
            Console.notice(
                "supervise: attempt \(attempt + 1) of \(restarts + 1) in \(pause.fixed(pause < 10 ? 1 : 0)) s")
            if signals.waitForStop(seconds: pause) { return end.code }
        }
    }

    private func reasonToGiveUp(attempt: Int, from last: SavedState?, to newest: SavedState?) -> String? {
        if attempt > 1 {
            let isFurther = newest.map { newest in last.map { $0.point < newest.point } ?? true } ?? false
            if !isFurther { return "no newer checkpoint between two failures" }
        }
        return attempt > restarts ? "the limit of \(restarts) restart\(restarts == 1 ? "" : "s") is reached" : nil
    }
}
