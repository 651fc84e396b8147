import Foundation

/// Starts built programs for tests, alone or under the real `mpirun`, each with a hard time limit.
public struct MPIRun: Sendable {
    /// The exit code and output of a program.
    public struct Outcome: Sendable, CustomStringConvertible {
        /// The exit code; 124 or 137 if the time limit ended the program.
        public let status: Int32
        /// The text on standard output.
        public let stdout: String
        /// The text on standard error.
        public let stderr: String
        /// The exit code and both texts, for the message of a failed test.
        public var description: String { "status \(status)\n--- stdout\n\(stdout)\n--- stderr\n\(stderr)" }
    }

    /// An error that kept a program from starting.
    public struct Failure: Error, CustomStringConvertible {
        /// The message, in one line.
        public let description: String
    }

    /// The launcher: the value of `DTRAIN_TEST_MPIRUN`, such as `mpiexec.mpich`, or `mpirun`.
    ///
    /// `mpirun` is assumed to be Open MPI's.
    public static var launcher: String { ProcessInfo.processInfo.environment["DTRAIN_TEST_MPIRUN"] ?? "mpirun" }

    /// The launcher with options that allow more ranks than cores; MPICH's needs none.
    public static var command: [String] { [launcher] + (isOpenMPI ? ["--oversubscribe"] : []) }

    /// Whether the launcher accepts Open MPI's arguments.
    public static var isOpenMPI: Bool { ProcessInfo.processInfo.environment["DTRAIN_TEST_MPIRUN"] == nil }

    /// Returns the possible exit codes of a job that a rank ends with `code` without `MPI_Abort`.
    ///
    /// MPICH's launcher then kills the other ranks, and may report their SIGKILL instead.
    public static func codes(_ code: Int32) -> [Int32] { isOpenMPI ? [code] : [code, SIGKILL] }

    /// Whether the launcher is installed.
    public static var isAvailable: Bool { path(of: launcher) != nil }

    /// The reason why tests under `mpirun` are skipped.
    public static let missing = "mpirun isn't installed"

    /// Runs a built program on several ranks.
    ///
    /// - Parameters:
    ///   - ranks: the number of ranks.
    ///   - executable: the name of a product of this package, or a path.
    ///   - arguments: the program's arguments.
    ///   - environment: variables to add.
    ///   - binding: the unit to bind each rank to (`none`, `core`, `socket`); nil for the
    ///     launcher's default.
    ///   - folder: the working directory; nil for the current one.
    ///   - seconds: the time limit, after which the job is killed.
    public static func mpirun(
        ranks: Int, executable: String, arguments: [String], environment: [String: String] = [:],
        binding: String? = nil, folder: String? = nil, seconds: Int = 180
    ) throws -> Outcome {
        try mpirun(
            executable: executable, programs: [(ranks: ranks, arguments: arguments)], environment: environment,
            binding: binding, folder: folder, seconds: seconds)
    }

    /// Runs a built program as one job with different arguments for its ranks.
    ///
    /// - Parameters:
    ///   - executable: the name of a product of this package, or a path.
    ///   - programs: the ranks in order, in groups with the same arguments.
    ///   - environment: variables to add.
    ///   - binding: the unit to bind each rank to (`none`, `core`, `socket`); nil for the
    ///     launcher's default.
    ///   - folder: the working directory; nil for the current one.
    ///   - seconds: the time limit, after which the job is killed.
    public static func mpirun(
        executable: String, programs: [(ranks: Int, arguments: [String])], environment: [String: String] = [:],
        binding: String? = nil, folder: String? = nil, seconds: Int = 180
    ) throws -> Outcome {
        guard let mpirun = path(of: launcher) else { throw Failure(description: missing) }
        let program = try find(executable)
        let runs = programs.map { ["-np", "\($0.ranks)", program] + $0.arguments }
        // Open MPI needs an option to let ranks share the cores they are bound to.
        let sharing = isOpenMPI && binding != "none" ? ":overload-allowed" : ""
        let binding = binding.map { [(isOpenMPI ? "--" : "-") + "bind-to", $0 + sharing] } ?? []
        let command = [mpirun] + Self.command.dropFirst() + binding + Array(runs.joined(separator: [":"]))
        return try limited(command, environment, folder, seconds)
    }

    /// Runs a built program alone.
    ///
    /// - Parameters:
    ///   - executable: the name of a product of this package, or a path.
    ///   - arguments: the program's arguments.
    ///   - environment: variables to add.
    ///   - folder: the working directory; nil for the current one.
    ///   - seconds: the time limit, after which the program is killed.
    public static func run(
        executable: String, arguments: [String], environment: [String: String] = [:], folder: String? = nil,
        seconds: Int = 180
    ) throws -> Outcome {
        try limited([try find(executable)] + arguments, environment, folder, seconds)
    }

    /// Whether `script` is installed, which runs programs on a terminal.
    public static var hasTerminal: Bool { path(of: "script") != nil }

    /// Runs a shell command on its own terminal, whose text becomes the standard output.
    ///
    /// - Parameters:
    ///   - command: a line for `sh`.
    ///   - folder: the working directory; nil for the current one.
    ///   - seconds: the time limit, after which the program is killed.
    public static func onTerminal(_ command: String, folder: String? = nil, seconds: Int = 180) throws -> Outcome {
        guard let script = path(of: "script") else { throw Failure(description: "script isn't installed") }
        return try limited([script, "-qec", command, "/dev/null"], ["SHELL": "/bin/sh"], folder, seconds)
    }

    /// Runs a shell command, for pipes and redirections.
    ///
    /// - Parameters:
    ///   - command: a line for `sh`.
    ///   - folder: the working directory; nil for the current one.
    ///   - seconds: the time limit, after which the program is killed.
    public static func shell(_ command: String, folder: String? = nil, seconds: Int = 180) throws -> Outcome {
        try limited(["/bin/sh", "-c", command], [:], folder, seconds)
    }

    /// Returns the path of a built program.
    ///
    /// Searches the folder `DTRAIN_TEST_BINARIES` if set, else the folders above the test bundle.
    public static func find(_ executable: String) throws -> String {
        if executable.contains("/") { return executable }
        if let folder = ProcessInfo.processInfo.environment["DTRAIN_TEST_BINARIES"], !folder.isEmpty {
            let program = URL(fileURLWithPath: folder).appendingPathComponent(executable).path
            guard FileManager.default.isExecutableFile(atPath: program) else {
                throw Failure(
                    description: "DTRAIN_TEST_BINARIES names '\(folder)', which has no program '\(executable)'")
            }
            return program
        }
        let starts = Bundle.allBundles.map(\.bundlePath) + CommandLine.arguments + ["/proc/self/exe"]
        for start in starts where start.hasPrefix("/") {
            var folder = URL(fileURLWithPath: start).resolvingSymlinksInPath()
            while folder.path != "/" {
                folder.deleteLastPathComponent()
                let candidate = folder.appendingPathComponent(executable)
                var isFolder: ObjCBool = false
                if FileManager.default.fileExists(atPath: candidate.path, isDirectory: &isFolder), !isFolder.boolValue,
                    FileManager.default.isExecutableFile(atPath: candidate.path)
                {
                    return candidate.path
                }
            }
        }
        throw Failure(description: "no built program '\(executable)' above \(starts)")
    }

    private static func path(of program: String) -> String? {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin").split(separator: ":")
        return folders.map { "\($0)/\(program)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    private static func limited(
        _ command: [String], _ environment: [String: String], _ currentFolder: String?, _ seconds: Int
    ) throws -> Outcome {
        guard let timeout = path(of: "timeout") else {
            throw Failure(description: "coreutils' timeout isn't installed")
        }
        // Files instead of pipes, because children of a killed launcher may keep a pipe open.
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("dtrain-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        // Killed launchers leave files behind.
        let segments = Self.sharedMemory.map { $0.appendingPathComponent(folder.lastPathComponent) }
        if let segments { try FileManager.default.createDirectory(at: segments, withIntermediateDirectories: true) }
        defer { if let segments { try? FileManager.default.removeItem(at: segments) } }
        let outputs = try ["stdout", "stderr"].map { name in
            let file = folder.appendingPathComponent(name)
            try Data().write(to: file)
            return (file: file, handle: try FileHandle(forWritingTo: file))
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: timeout)
        process.arguments = ["--kill-after=5", "\(seconds)"] + command
        process.environment = ProcessInfo.processInfo.environment
            .merging(["LC_ALL": "C.UTF-8"]) { $1 }
            .merging(rootPermission) { $1 }
            .merging(places(temporary: folder, segments: segments)) { $1 }
            .merging(environment) { $1 }
        if let currentFolder { process.currentDirectoryURL = URL(fileURLWithPath: currentFolder) }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = outputs[0].handle
        process.standardError = outputs[1].handle
        try withSignalsUnblocked { try process.run() }
        process.waitUntilExit()
        let texts = try outputs.map { output in
            try output.handle.close()
            return String(decoding: try Data(contentsOf: output.file), as: UTF8.self)
        }
        return Outcome(status: process.terminationStatus, stdout: texts[0], stderr: texts[1])
    }

    private static var sharedMemory: URL? {
        FileManager.default.isWritableFile(atPath: "/dev/shm") ? URL(fileURLWithPath: "/dev/shm") : nil
    }

    /// Returns the variables that set the folders of Open MPI's files.
    static func places(temporary: URL, segments: URL?) -> [String: String] {
        var result = ["TMPDIR": temporary.path]
        for name in ["btl_vader", "btl_sm", "osc_sm", "osc_rdma"] {
            if let segments { result["OMPI_MCA_\(name)_backing_directory"] = segments.path }
        }
        return result
    }

    /// Runs `body` with all signals unblocked.
    ///
    /// The threads of tests block signals, which a started program would inherit.
    private static func withSignalsUnblocked(_ body: () throws -> Void) rethrows {
        var (none, before) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        try body()
    }

    /// The variables that allow root to run Open MPI; in a container the tests run as root.
    private static var rootPermission: [String: String] {
        geteuid() == 0 ? ["OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"] : [:]
    }
}
