import DTrainCore
import Glibc

/// An error that every rank knows of: all throw it together, so the job can end in good order with one message.
public struct CollectiveError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is to be reported, the same on all ranks.
    public let error: DTrainError

    /// Wraps an error that all ranks throw.
    public init(_ error: DTrainError) { self.error = error }

    /// The message, one line.
    public var description: String { error.description }
}

/// The frame of a job: starts the communication, and is the one place where errors of ranks are caught.
public enum Job {
    /// Runs `body` with all ranks of the job, with MPI under a launcher and without MPI otherwise.
    ///
    /// A `CollectiveError` is printed by rank 0, and all ranks leave in order. Any other error belongs to one rank,
    /// while the others may wait for it in a collective: that rank prints its error and aborts the job.
    ///
    /// - Parameters:
    ///   - launch: what the launcher told.
    ///   - stallTimeout: the seconds that a collective may wait before the job ends; nil for no limit.
    ///   - observer: is told of each phase of the training before it begins: for tests of what fails there.
    ///   - spelling: how the program spells the settings that an error names in back quotes.
    ///   - body: what every rank does.
    /// - Returns: the process's exit code.
    public static func run(
        launch: LaunchEnvironment = .current, stallTimeout: Int? = nil, observer: Heartbeat.Observer? = nil,
        spelling: @escaping @Sendable (String) -> String = { $0 }, _ body: (any Communicator) throws -> Void
    ) -> Int32 {
        ErrorReport.spelling.withLock { $0 = spelling }
        guard launch.usesMPI else {
            let solo = SoloCommunicator()
            do {
                try body(solo)
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
            // Communication didn't come up, or didn't come down: there is nothing to abort with. The launcher ends the
            // others.
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
            // The launcher ends the job at the first failing exit: the report comes before it.
            try world.barrier()
            return exitCode(of: error)
        } catch {
            world.awaitVerdict(on: error)
            let place = world.heartbeat.position.map { " \($0)" } ?? ""
            world.abort(
                code: exitCode(of: error), message: world.size > 1 ? "\(world.name)\(place): \(error)" : "\(error)")
        }
    }

    /// The exit code that an error stands for.
    public static func exitCode(of error: any Error) -> Int32 {
        switch error {
        case let error as DTrainError: error.category.rawValue
        case let error as CollectiveError: error.error.category.rawValue
        default: DTrainError.Category.internal.rawValue
        }
    }
}
