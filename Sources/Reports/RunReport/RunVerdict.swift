import Pages

/// A few sentences about the losses of one or several runs.
enum RunVerdict {
    static func text(_ runs: [Run]) -> String {
        runs.count == 1 ? runs.first.map(single) ?? "" : several(runs)
    }

    private static func single(_ run: Run) -> String {
        guard let best = run.best else { return withoutHeldOut(run) }
        if let latest = run.latest, latest.isAtPoint(of: best) {
            let length = best.endsEpoch ? count(best.epoch, "epoch") : count(best.step, "step")
            return
                "The held-out loss is lowest at the end, \(loss(best.loss)) after \(length): longer training may lower it."
        }
        let place = best.endsEpoch ? "in epoch \(best.epoch.grouped)" : "after \(count(best.step, "step"))"
        let least = "The held-out loss is lowest \(place), \(loss(best.loss))"
        guard let latest = run.latest else { return "\(least). Only a metrics file has later losses." }
        guard latest.loss > best.loss * 1.01 else {
            return "\(least), and \(loss(latest.loss)) at the end: longer training is unlikely to lower it."
        }
        return
            "\(least), and \(loss(latest.loss)) at the end: the model overfits after that \(best.endsEpoch ? "epoch" : "step"). Use "
            + "ckpt_best.safetensors, stop earlier, or try --dropout."
    }

    private static func withoutHeldOut(_ run: Run) -> String {
        let losses = run.epochLoss
        guard losses.valueCount > 1, let first = losses.firstValue, let last = losses.lastValue else {
            return losses.isEmpty ? "No epoch is finished yet." : "Only one epoch is finished."
        }
        return
            "The training loss went from \(loss(first)) to \(loss(last)) in \(count(losses.valueCount, "epoch")); nothing was held "
            + "out, so the loss on other text is unknown."
    }

    private static func several(_ runs: [Run]) -> String {
        let held = runs.compactMap { run in run.best.map { (run: run, best: $0) } }
        guard held.count > 1, let least = held.min(by: { $0.best.loss < $1.best.loss }) else {
            return byTrainingLoss(runs)
        }
        let missing = runs.filter { $0.best == nil }.map(\.name)
        let rest = missing.isEmpty ? "" : " \(quoted(missing)) \(missing.count == 1 ? "has" : "have") no held-out loss."
        if let reason = difference(held.map(\.run), heldOut: true) {
            return "The held-out losses can't be compared: the runs' \(reason) differ.\(rest)"
        }
        let others = held.filter { $0.run.name != least.run.name }.map { $0.best.loss - least.best.loss }.min() ?? 0
        return
            "“\(least.run.name)” has the lowest held-out loss, \(loss(least.best.loss)) in epoch \(least.best.epoch.grouped), "
            + "\(loss(others)) below the next.\(rest)"
    }

    private static func byTrainingLoss(_ runs: [Run]) -> String {
        let trained = runs.compactMap { run in run.epochLoss.lastValue.map { (run: run, loss: $0) } }
        guard trained.count > 1, let least = trained.min(by: { $0.loss < $1.loss }) else {
            return "The runs have no losses in common to compare."
        }
        let missing = runs.filter { $0.best == nil }.map(\.name)
        if let reason = difference(trained.map(\.run), heldOut: false) {
            return
                "The training losses can't be compared: the runs' \(reason) differ. Held-out losses are missing for "
                + "\(quoted(missing))."
        }
        return
            "“\(least.run.name)” has the lowest training loss, \(loss(least.loss)). Held-out losses, which show which model "
            + "predicts best, are missing for \(quoted(missing))."
    }

    /// The known differences that make the losses of runs incomparable; nil if there are none.
    private static func difference(_ runs: [Run], heldOut: Bool) -> String? {
        func differ(_ value: (Run) -> String?) -> Bool { Set(runs.compactMap(value)).count > 1 }
        var names: [String] = []
        if differ({ $0.settings?[.tokens].rawValue }) { names.append("units") }
        if differ({ $0.metadata?.corpusChecksum }) { names.append("texts") }
        if heldOut, differ(heldOutText) { names.append("held-out texts") }
        return names.isEmpty ? nil : list(names)
    }

    /// The identity of the held-out text: the checksum of its file, or its share of the training
    /// text.
    private static func heldOutText(_ run: Run) -> String? {
        guard let metadata = run.metadata, let settings = metadata.settings else { return nil }
        return metadata.validationChecksum ?? settings[.validationSplit].map { "\($0)" }
    }

    private static func quoted(_ names: [String]) -> String { list(names.map { "“\($0)”" }) }

    private static func list(_ words: [String]) -> String {
        guard words.count > 1, let last = words.last else { return words.first ?? "" }
        return "\(words.dropLast().joined(separator: ", ")) and \(last)"
    }
}
