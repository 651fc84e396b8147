import Foundation

/// Starts built programs for tests, alone or under the real `mpirun`, each with a hard limit in time.
public struct MPIRun: Sendable {
    /// How a program ended and what it wrote.
    public struct Outcome: Sendable, CustomStringConvertible {
        /// The exit code; 124 or 137 when the time was up.
        public let status: Int32
        /// What it wrote to standard output.
        public let stdout: String
        /// What it wrote to standard error.
        public let stderr: String
        /// All of it, for the message of a failed test.
        public var description: String { "status \(status)\n--- stdout\n\(stdout)\n--- stderr\n\(stderr)" }
    }

    /// What couldn't be started, and why.
    public struct Failure: Error, CustomStringConvertible {
        /// One line.
        public let description: String
    }

    /// Whether there is an `mpirun` to start.
    public static var isAvailable: Bool { path(of: "mpirun") != nil }

    /// Why tests under `mpirun` are skipped.
    public static let missing = "mpirun isn't installed"

    /// Runs a built program on several ranks.
    ///
    /// - Parameters:
    ///   - ranks: the number of ranks.
    ///   - executable: the name of a product of this package, or a path.
    ///   - arguments: the program's arguments.
    ///   - environment: variables to add.
    ///   - launcherArguments: arguments to `mpirun` itself, before the program.
    ///   - seconds: the limit; then all is killed.
    public static func mpirun(
        ranks: Int, executable: String, arguments: [String], environment: [String: String] = [:],
        launcherArguments: [String] = ["--oversubscribe"], seconds: Int = 60
    ) throws -> Outcome {
        guard let mpirun = path(of: "mpirun") else { throw Failure(description: missing) }
        let command = [mpirun] + launcherArguments + ["-np", "\(ranks)", try find(executable)] + arguments
        return try limited(command, environment, seconds)
    }

    /// Runs a built program alone.
    ///
    /// - Parameters:
    ///   - executable: the name of a product of this package, or a path.
    ///   - arguments: the program's arguments.
    ///   - environment: variables to add.
    ///   - seconds: the limit; then it is killed.
    public static func run(
        executable: String, arguments: [String], environment: [String: String] = [:], seconds: Int = 60
    ) throws -> Outcome {
        try limited([try find(executable)] + arguments, environment, seconds)
    }

    /// The built program of that name, from the folder of the running test bundle upwards.
    public static func find(_ executable: String) throws -> String {
        if executable.contains("/") { return executable }
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
        _ command: [String], _ environment: [String: String], _ seconds: Int
    ) throws -> Outcome {
        guard let timeout = path(of: "timeout") else {
            throw Failure(description: "coreutils' timeout isn't installed")
        }
        // Files rather than pipes: a killed launcher may leave children behind that keep a pipe open.
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("dtrain-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let outputs = try ["stdout", "stderr"].map { name in
            let file = folder.appendingPathComponent(name)
            try Data().write(to: file)
            return (file: file, handle: try FileHandle(forWritingTo: file))
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: timeout)
        process.arguments = ["--kill-after=5", "\(seconds)"] + command
        process.environment = ProcessInfo.processInfo.environment
            .merging(rootPermission) { $1 }
            .merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = outputs[0].handle
        process.standardError = outputs[1].handle
        try process.run()
        process.waitUntilExit()
        let texts = try outputs.map { output in
            try output.handle.close()
            return String(decoding: try Data(contentsOf: output.file), as: UTF8.self)
        }
        return Outcome(status: process.terminationStatus, stdout: texts[0], stderr: texts[1])
    }

    /// Open MPI refuses root unless told twice; in a container the tests run as root.
    private static var rootPermission: [String: String] {
        geteuid() == 0 ? ["OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"] : [:]
    }
}
