import DTrainCore

/// The `mpirun` of an experiment.
struct Launcher {
    /// The family of the launcher's MPI library.
    enum Kind { case openMPI, hydra, other }

    /// The program.
    let program: String
    /// The host file, if given.
    let hostfile: String?
    /// Further arguments from the user.
    let arguments: [String]
    /// The number of cores of this machine, as Open MPI counts slots.
    let cores: Int
    /// The launcher's name and version.
    let name: String
    let kind: Kind

    /// Reads the version of `mpirun`.
    ///
    /// - Throws: `DTrainError` with `noInput` when the program or host file doesn't exist, with
    ///   `badData` for a malformed host file.
    init(program: String, hostfile: String?, arguments: [String], cores: Int, log: String) throws {
        (self.program, self.hostfile, self.arguments, self.cores) = (program, hostfile, arguments, cores)
        try HostFile.check(hostfile, arguments: arguments)
        let outcome: ChildProcess.Outcome
        do {
            outcome = try ChildProcess(command: [program, "--version"]).run(output: log)
        } catch let error as DTrainError where error.category == .noInput {
            throw DTrainError(
                .noInput, "there is no launcher '\(program)': install Open MPI or MPICH, or name one with --mpirun")
        }
        let lines = outcome.output.split(whereSeparator: \.isNewline).map { String($0) }
        if let line = lines.first(where: { $0.contains("Open MPI") || $0.contains("OpenRTE") || $0.contains("PRRTE") })
        {
            (name, kind) = (line.replacing("mpirun (Open MPI)", with: "Open MPI"), .openMPI)
        } else if outcome.output.contains("HYDRA") {
            let version = lines.first { $0.contains("Version:") }?.split(separator: ":").last ?? ""
            (name, kind) = ("MPICH (Hydra)\(version.split(separator: " ").first.map { " \($0)" } ?? "")", .hydra)
        } else {
            (name, kind) = (lines.first ?? program, .other)
        }
    }

    /// The command that starts a program on a number of ranks.
    func command(ranks: Int, _ program: [String]) -> [String] {
        var command = [self.program]
        if let hostfile { command += [kind == .hydra ? "-f" : "--hostfile", hostfile] }
        if adds(oversubscribe: ranks) { command.append("--oversubscribe") }
        return command + arguments + ["-np", "\(ranks)"] + program
    }

    /// Whether to allow more ranks than cores.
    ///
    /// On this machine alone that is safe, since reports label such runs.
    private func adds(oversubscribe ranks: Int) -> Bool {
        kind == .openMPI && hostfile == nil && ranks > cores
            && !arguments.contains { ["--host", "-host", "-H", "--oversubscribe", "-oversubscribe"].contains($0) }
    }

    /// The error for a failed job, with a hint for known launcher refusals.
    func failure(_ child: ChildProcess, _ outcome: ChildProcess.Outcome, ranks: Int) -> DTrainError {
        let command = "'\(child.line)' ended with exit code \(outcome.status)"
        if outcome.output.contains("not enough slots") || outcome.output.contains("slots available") {
            return DTrainError(
                .usage,
                "mpirun can't place \(ranks) ranks: raise slots= in the host file or add --mpirun-args --oversubscribe; "
                    + command)
        }
        if outcome.output.contains("allow-run-as-root") {
            return DTrainError(
                .usage,
                "mpirun refuses root: set OMPI_ALLOW_RUN_AS_ROOT=1 and OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; \(command)")
        }
        let isLogin = ["ssh: ", "unable to reliably start", "Host key verification", "Permission denied"]
            .contains { outcome.output.contains($0) }
        let hint =
            isLogin
            ? "; check that 'ssh -o BatchMode=yes HOST true' works here for each host, see docs/clusters.md" : ""
        // Errors reported by the program keep its exit code.
        let known: [DTrainError.Category] = [.usage, .badData, .noInput, .inputOutput]
        return DTrainError(
            known.first { $0.rawValue == outcome.status } ?? .internal,
            "\(outcome.reason)\(hint); \(command)")
    }
}
