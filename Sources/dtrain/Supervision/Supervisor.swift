import DTrainCore
import Glibc
import Pages

/// Starts a job until it is done, or until it is no use.
struct Supervisor {
    private let job: SupervisedCommand
    private let restarts: Int
    private let backoff: Double

    /// Exit codes that starting again doesn't change.
    private static let finalCodes: Set<Int32> = [
        0, DTrainError.Category.usage.rawValue, DTrainError.Category.badData.rawValue,
        DTrainError.Category.noInput.rawValue, 75,
    ]
    /// Seconds of waiting at most.
    private static let longestWait = 600.0

    init(job: SupervisedCommand, restarts: Int, backoff: Double) {
        (self.job, self.restarts, self.backoff) = (job, restarts, backoff)
    }

    /// Runs the job, again where that helps; its last exit code.
    func run() throws -> Int32 {
        let signals = SignalQueue()
        let note = Supervision.Note()
        let atStart = job.newestCheckpoint()
        var last = atStart
        var failures: [String] = []
        while true {
            let attempt = failures.count + 1
            // Nothing of its own saved yet: what is there is an earlier training's. One that goes on from it says so itself.
            let isOwn = last != nil && last != atStart
            let arguments = attempt > 1 && isOwn ? job.resumed : job.arguments
            let start = Clock.seconds
            var end = try ChildJob(arguments, isApart: job.namesLauncher, note: note).run(signals)
            let newest = job.newestCheckpoint()
            let place = newest.map { "newest checkpoint \($0.name.fileName)" } ?? "no checkpoint"
            let line = "\(end.description) after \(Int(Clock.seconds - start)) s, \(place)"
            Console.notice("supervise: attempt \(attempt): \(line)")
            let removed = end.remains.remove()
            if removed > 0 {
                Console.notice(
                    "supervise: removed what attempt \(attempt) left in shared memory and temporary folders (\(removed))"
                )
            }
            if Self.finalCodes.contains(end.code) || end.wasAskedToStop { return end.code }
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
            let isFurther = newest.map { newest in last.map { $0.name < newest.name } ?? true } ?? false
            if !isFurther { return "no newer checkpoint between two failures" }
        }
        return attempt > restarts ? "\(restarts) restarts are used up" : nil
    }
}
