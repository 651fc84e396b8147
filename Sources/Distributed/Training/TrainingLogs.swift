/// The logs of a training, on rank 0; none on the others.
struct TrainingLogs {
    private let logs: [any TrainingLog]

    init(_ logs: [any TrainingLog] = []) { self.logs = logs }

    func record(_ event: TrainingEvent, report: (TrainingEvent) -> Void) throws {
        for log in logs { try log.record(event, report: report) }
    }

    var flush: @Sendable () -> Void {
        { [flushes = logs.map { $0.flush }] in for flush in flushes { flush() } }
    }

    /// Finishes every log, also after one that fails.
    ///
    /// - Parameter report: called with a warning for each error after the first.
    /// - Throws: the first error.
    func finish(report: (TrainingEvent) -> Void) throws {
        let errors = logs.compactMap { log in
            do {
                try log.finish()
                return nil as (any Error)?
            } catch {
                return error
            }
        }
        for error in errors.dropFirst() { report(.warning("\(error)")) }
        if let first = errors.first { throw first }
    }
}
