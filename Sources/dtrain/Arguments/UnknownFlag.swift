import ArgumentParser
import DTrainCore

/// A flag that a command doesn't have, and what was probably meant.
struct UnknownFlag {
    let name: String
    let flags: CommandFlags
    let others: [any ParsableCommand.Type]
    let passing: ArgumentCheck.Passing

    /// What the numbers of ranks are called, which are a launcher's affair.
    private static let ofLaunchers: Set<String> = [
        "np", "n", "nproc", "ranks", "numranks", "worldsize", "nprocpernode",
    ]
    private static let ofAccelerators: Set<String> = ["gpu", "gpus", "gpuid", "cuda", "device", "devices", "usecuda"]

    var error: DTrainError {
        let help = "see 'dtrain \(flags.command) --help'"
        let listed = flags.names
        if let meant = Suggestions.synonym(of: name, among: listed) {
            return DTrainError(.usage, "unknown flag '\(name)': \(question([meant]))", hint: help)
        }
        if let advice = ofOtherCommand ?? ofNoCommand { return DTrainError(.usage, advice, hint: help) }
        let meant = Suggestions.similar(to: name, among: listed)
        return DTrainError(
            .usage, meant.isEmpty ? "unknown flag '\(name)'" : "unknown flag '\(name)': \(question(meant))", hint: help)
    }

    private func squeezed(_ text: String) -> String { ForeignFlags.squeezed(text) }

    private func question(_ meant: [String]) -> String {
        let quoted = meant.map { "'\($0)'" }
        let alternatives =
            quoted.count > 1 ? quoted.dropLast().joined(separator: ", ") + " or " + quoted[quoted.count - 1] : quoted[0]
        return "did you mean \(alternatives)"
    }

    /// Where the flag belongs, if another command has it, by its own name or by another program's.
    private var ofOtherCommand: String? {
        let ofOthers = others.filter { $0.configuration.shouldDisplay }.compactMap { try? CommandFlags(of: $0) }
        let names = [name] + ForeignFlags.flags(for: name)
        for candidate in names {
            guard let owner = ofOthers.first(where: { $0.names.contains(candidate) }) else { continue }
            let flag = "\(candidate) is a flag of 'dtrain \(owner.command)'"
            // A guess is worth its line only where that flag can be passed on.
            switch passing {
            case .flags(let except) where owner.command == "train":
                return except.contains(candidate)
                    ? "\(flag), which 'dtrain \(flags.command)' sets itself: leave it out"
                    : "\(flag): write it after '--', as in 'dtrain \(flags.command) … -- \(candidate) …'"
            case .job:
                return "\(flag): write it into the job's command, as in "
                    + "'dtrain \(flags.command) … -- dtrain \(owner.command) \(candidate) …'"
            case .none, .flags:
                guard candidate == name else { continue }
                return "\(flag), not of 'dtrain \(flags.command)': leave it out"
            }
        }
        return nil
    }

    private var ofNoCommand: String? {
        if Self.ofLaunchers.contains(squeezed(name)), flags.command == "train" {
            return "unknown flag '\(name)': the launcher sets the number of ranks, as in 'mpirun -np 2 dtrain …'"
        }
        guard Self.ofAccelerators.contains(squeezed(name)) else { return nil }
        return "unknown flag '\(name)': dtrain computes on CPUs alone; leave it out"
    }
}
