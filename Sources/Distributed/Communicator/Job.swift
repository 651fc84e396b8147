import DTrainCore
import Glibc

/// An error that all ranks throw together; the job then ends in an orderly way with one message.
public struct CollectiveError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The error to report, the same on all ranks.
    public let error: DTrainError

    /// Wraps an error that all ranks throw.
    public init(_ error: DTrainError) { self.error = error }

    /// The message, in one line.
    public var description: String { error.description }
}

/// The top level of a program that trains on several ranks.
///
/// It starts the communication and reports the ranks' errors.
public enum Job {
    /// Runs `body` on every rank of the job and exits; this can be a program's whole `main`.
    ///
    /// Under a launcher such as `mpirun`, the process is one rank of the job and communicates by
    /// MPI. Otherwise it is a job of one rank, and MPI isn't initialized.
    ///
    ///     @main struct Program {
    ///         static func main() {
    ///             Job.main { ranks in
    ///                 if ranks.isRoot { print("\(ranks.size) ranks") }
    ///             }
    ///         }
    ///     }
    ///
    /// The process exits with code 0 when `body` returns, and with the error's category if it
    /// throws. Rank 0 prints a `CollectiveError`. Any other error belongs to one rank. That rank
    /// prints it, with the training step and its phase, and ends the job, because the other ranks
    /// may be waiting in a collective.
    ///
    /// - Parameters:
    ///   - stallTimeout: the number of seconds that a collective may wait before the job ends; nil
    ///     for no limit.
    ///   - body: the closure that every rank runs.
    public static func main(stallTimeout: Int? = nil, _ body: (any Communicator) throws -> Void) -> Never {
        exit(run(stallTimeout: stallTimeout, body))
    }

    /// Runs `body` on every rank of the job, with MPI under a launcher and without MPI otherwise.
    ///
    /// Errors are printed as described for `main`. An error of a single rank ends the process here.
    ///
    /// - Parameters:
    ///   - launch: the launcher's environment.
    ///   - stallTimeout: the number of seconds that a collective may wait before the job ends; nil
    ///     for no limit.
    ///   - observer: called before each phase of the training; tests inject failures here.
    ///   - spelling: converts setting names in an error's back quotes to the program's spelling.
    ///   - body: the closure that every rank runs.
    /// - Returns: the exit code of the process.
    package static func run(
        launch: LaunchEnvironment = .current, stallTimeout: Int? = nil, observer: Heartbeat.Observer? = nil,
        spelling: @escaping @Sendable (String) -> String = { $0 }, _ body: (any Communicator) throws -> Void
    ) -> Int32 {
        ErrorReport.spelling.withLock { $0 = spelling }
        guard launch.usesMPI else {
            do {
                try launch.tasks?.refuse()
                try body(SoloCommunicator())
                return 0
            } catch {
                reportError("\(error)")
                return exitCode(of: error)
            }
        }
        do {
            let environment = try MPIEnvironment(launch: launch, stallTimeout: stallTimeout, observer: observer)
            let code = try perform(environment.world, body)
            try environment.finish()
            return code
        } catch {
            // MPI failed to start or to finalize, so it can't abort the job. The launcher ends the
            // other ranks.
            reportError("\(error)")
            endProcess(exitCode(of: error))
        }
    }

    private static func perform(_ world: MPICommunicator, _ body: (any Communicator) throws -> Void) throws -> Int32 {
        do {
            try body(world)
            return 0
        } catch let error as CollectiveError {
            if world.isRoot { reportError("\(error)") }
            // The launcher ends the job at the first failing exit, so no rank exits before the
            // report.
            try world.barrier()
            return exitCode(of: error)
        } catch {
            world.awaitReport(on: error)
            let position = world.heartbeat.position.map { " \($0)" } ?? ""
            world.abort(
                code: exitCode(of: error), message: world.size > 1 ? "\(world.name)\(position): \(error)" : "\(error)")
        }
    }

    /// Returns the exit code for an error.
    static func exitCode(of error: any Error) -> Int32 {
        switch error {
        case let error as DTrainError: error.category.rawValue
        case let error as CollectiveError: error.error.category.rawValue
        default: DTrainError.Category.internal.rawValue
        }
    }
}
