import ArgumentParser
import CProcess
import DTrainCore
import Glibc

/// `dtrain supervise`: restarts a job when it fails.
struct Supervise: PassingCommand {
    static var passing: ArgumentCheck.Passing { .job }

    static let configuration = CommandConfiguration(
        abstract: "Run a training, and restart it from its last checkpoint when it fails.",
        usage: "dtrain supervise [--restarts <n>] [--backoff <seconds>] -- mpirun -np 4 dtrain train …",
        discussion: """
            A restart adds '--resume' to dtrain's arguments and drops '--overwrite', '--init', '--extend-vocabulary' and \
            '--resume-from'. Restarts end when two failures bring no newer checkpoint between them. Exit codes 0, 64, 65, \
            66 (bad usage or input) and 75 (stopped by a signal after saving) cause no restart. Signals are passed to the \
            job; Open MPI's mpirun gets SIGUSR1 instead of the first signal, so that the ranks save.
            """)

    @Option(help: "Maximum number of restarts (default: 3).", transform: positive)
    var restarts = 3

    @Option(
        help: .init(
            "Wait before the first restart, doubled each time (default: 5).", valueName: "seconds"),
        transform: positiveNumber)
    var backoff = 5.0

    /// The supervisor's process number: this process requests to die with it, then runs the job by
    /// exec.
    @Option(help: .private)
    var asChildOf: Int32?

    @Argument(parsing: .postTerminator, help: "The job's command line, after '--'.")
    var command: [String] = []

    func validate() throws {
        guard !command.isEmpty else {
            throw ValidationError("no command to supervise: write it after '--'")
        }
    }

    func run() throws {
        if let asChildOf { try become(childOf: asChildOf) }
        signal(SIGPIPE, SIG_IGN)
        let job = SupervisedCommand(command)
        let code = try Supervisor(job: job, restarts: restarts, backoff: backoff).run()
        throw ExitCode(code)
    }

    private func become(childOf parent: Int32) throws -> Never {
        let code = cprocess_die_with_parent(SIGTERM)
        guard code == 0, getppid() == parent else { Glibc.exit(DTrainError.Category.internal.rawValue) }
        var arguments = command.map { strdup($0) } + [nil]
        execvp(command[0], &arguments)
        throw DTrainError(
            .noInput, "cannot start '\(command[0])': \(String(cString: strerror(errno))); check the command after '--'")
    }
}
