import Pages

/// What the curves of one or several trainings say, in one or two sentences.
enum RunVerdict {
    static func text(_ runs: [Run]) -> String {
        runs.count == 1 ? runs.first.map(single) ?? "" : several(runs)
    }

    private static func single(_ run: Run) -> String {
        guard let best = run.best, let last = run.epochHeldOut.last?.y ?? run.metrics?.heldOut.last else {
            guard let first = run.epochLoss.first?.y, let last = run.epochLoss.last?.y, run.epochLoss.count > 1 else {
                return "No epoch is finished yet."
            }
            return
                "The training loss went from \(loss(first)) to \(loss(last)) in \(count(run.epochLoss.count, "epoch")); nothing was held "
                + "out, so how well it predicts other text isn't known."
        }
        if best.epoch == run.epochs, best.loss == last {
            return
                "The held-out loss is least at the end, \(loss(last)) after \(count(best.epoch, "epoch")): more epochs may lower it."
        }
        let least = "The held-out loss is least in epoch \(best.epoch), \(loss(best.loss))"
        guard last > best.loss * 1.01 else {
            return "\(least), and \(loss(last)) at the end: more epochs would hardly lower it."
        }
        return
            "\(least), and \(loss(last)) at the end: the model overfits after that epoch. Use ckpt_best.safetensors, stop earlier, "
            + "or try --dropout."
    }

    private static func several(_ runs: [Run]) -> String {
        let held = runs.compactMap { run in run.best.map { (run: run, loss: $0.loss, epoch: $0.epoch) } }
        if held.count > 1, let best = held.min(by: { $0.loss < $1.loss }) {
            let others = held.filter { $0.run.name != best.run.name }.map { $0.loss - best.loss }.min() ?? 0
            let texts = Set(runs.compactMap { $0.metadata?.corpusChecksum })
            let doubt = texts.count > 1 ? " The texts differ, though, so the losses can't be compared." : ""
            return
                "“\(best.run.name)” has the least held-out loss, \(loss(best.loss)) in epoch \(best.epoch), \(loss(others)) below the next.\(doubt)"
        }
        let trained = runs.compactMap { run in run.epochLoss.last.map { (name: run.name, loss: $0.y) } }
        guard trained.count > 1, let best = trained.min(by: { $0.loss < $1.loss }) else {
            return "The trainings have no losses in common that could be compared."
        }
        return
            "“\(best.name)” has the least training loss, \(loss(best.loss)). Held-out losses, which would tell which model predicts best, "
            + "are missing."
    }
}
