import ArgumentParser
import DTrainCore

/// The error for a flag that a command doesn't have, with the likely intended flag.
struct UnknownFlag {
    let name: String
    let flags: CommandFlags
    let others: [any ParsableCommand.Type]
    let passing: ArgumentCheck.Passing

    /// Names for the number of ranks, which the launcher sets.
    private static let launcherNames: Set<String> = [
        "np", "n", "nproc", "ranks", "numranks", "worldsize", "nprocpernode",
    ]
    private static let acceleratorNames: Set<String> = ["gpu", "gpus", "gpuid", "cuda", "device", "devices", "usecuda"]

    var error: DTrainError {
        let help = "see 'dtrain \(flags.command) --help'"
        let listed = flags.names
        if let meant = Suggestions.synonym(of: name, among: listed) {
            return DTrainError(.usage, "unknown flag '\(name)': \(question([meant]))", hint: help)
        }
        if let advice = otherCommandAdvice ?? unsupportedAdvice { return DTrainError(.usage, advice, hint: help) }
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

    /// The place for the flag if another command has it, under its own name or another program's.
    private var otherCommandAdvice: String? {
        let ofOthers = others.filter { $0.configuration.shouldDisplay }.compactMap { try? CommandFlags(of: $0) }
        let names = [name] + ForeignFlags.flags(for: name)
        for candidate in names {
            guard let owner = ofOthers.first(where: { $0.names.contains(candidate) }) else { continue }
            let flag = "\(candidate) is a flag of 'dtrain \(owner.command)'"
            // A guess by another name is useful only where the flag can be passed on.
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

    private var unsupportedAdvice: String? {
        if Self.launcherNames.contains(squeezed(name)), flags.command == "train" {
            return "unknown flag '\(name)': the launcher sets the number of ranks, as in 'mpirun -np 2 dtrain …'"
        }
        guard Self.acceleratorNames.contains(squeezed(name)) else { return nil }
        return "unknown flag '\(name)': dtrain runs on CPUs only; leave it out"
    }
}
