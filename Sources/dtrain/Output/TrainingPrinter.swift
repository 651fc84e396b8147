import DTrainCore
import DTrainDistributed
import Glibc

/// Shows a training as Keras does: a bar that moves on a terminal, plain lines elsewhere.
///
/// Used by rank 0 alone.
final class TrainingPrinter {
    private let showsBar: Bool
    private let isQuiet: Bool
    private var lastLine = 0.0
    private var profile = ProfileTable()
    /// Seconds between two lines of one epoch where there is no bar.
    private static let lineInterval = 10.0
    /// A loss this many times ln(vocabulary) is worse than knowing nothing, by more than a batch's chance.
    private static let chance = 1.05
    /// Seconds between two states of the bar.
    private static let barInterval = 0.1

    init(showsBar: Bool, isQuiet: Bool) {
        self.showsBar = showsBar
        self.isQuiet = isQuiet
    }

    func show(_ event: TrainingEvent) {
        switch event {
        case .ready(let overview): show(overview)
        case .untrainedLoss(let loss, let blind): show(untrainedLoss: Double(loss), blind: blind)
        case .loadedLoss(let loss, let blind, let path, let isResumed):
            show(loadedLoss: Double(loss), blind: blind, path: path, isResumed: isResumed)
        case .epochBegan(let epoch, let epochs):
            line("Epoch \(epoch)/\(epochs)")
            lastLine = 0
        case .step(let report):
            profile.add(report)
            show(report)
        case .stoppedInEpoch(let report):
            showEnd(
                bar(report.stepInEpoch, of: report.stepsPerEpoch), seconds: report.epochSeconds,
                meanSeconds: report.meanSeconds, loss: report.epochLoss)
        case .epochEnded(let report):
            showEnd(
                bar(report.steps, of: report.steps), seconds: report.seconds, meanSeconds: report.meanSeconds,
                loss: report.loss, validation: report.validation?.loss)
        case .validated(let report): line("step \(report.step) - val_loss: \(report.loss.fixed(4))")
        case .stoppedEarly(let validation):
            Console.notice(
                "stopped early: \(validation.waited) held-out losses in a row were no improvement; the least is "
                    + "\((validation.bestLoss ?? 0).fixed(4)), after step \(validation.bestStep): \(CheckpointDirectory.bestName)"
            )
        case .stopped(let report): show(report)
        case .saved(let path): if !isQuiet { line("saved \(path)") }
        case .notice(let text): Console.notice(text)
        case .warning(let text): Console.warning(text)
        }
    }

    /// Leaves the line of an unfinished bar, so that other text begins on a line of its own.
    func closeBar() {
        TerminalLine.close()
    }

    /// Shows where the time went, if it was measured; last.
    func showProfile() {
        if let table = profile.text { line(table) }
    }

    private func show(_ overview: TrainingOverview) {
        let table = ModelTable(overview.layout, batch: (overview.batchSize, overview.sequenceLength))
        let files = overview.files > 1 ? " (\(overview.files) files)" : ""
        let ranks = overview.ranks == 1 ? "1 process" : "\(overview.ranks) ranks"
        line(
            "\(overview.data)\(files): \(overview.tokens.grouped) \(overview.tokenization.rawValue), "
                + "vocabulary \(overview.layout.configuration.vocabularySize), \(sequences(overview)) \(overview.sequenceLength), "
                + "\(overview.stepsPerEpoch) steps an epoch")
        if let heldOut = overview.heldOut {
            line(
                "held out: \(heldOut.grouped) \(overview.tokenization.rawValue) \(overview.heldOutName.map { "of \($0)" } ?? "at the text's end")"
            )
        }
        let quota = overview.quota.map { ", in a CPU quota of \(HostLoad.text($0.processors)) of \($0.of) cores" } ?? ""
        line(
            "\(ranks) × \(overview.threads) thread\(overview.threads == 1 ? "" : "s")\(teams(overview.grid))\(quota), "
                + "\(overview.instructionSets.map(\.rawValue).joined(separator: " and ")) instructions"
                + arithmetic(overview))
        if !overview.arithmetic.isFused {
            Console.warning(
                "\(overview.ranks == 1 ? "this CPU" : "the CPU of a rank") has no fused multiply-add: training is slow, and its "
                    + "bits differ from those on other CPUs")
        }
        if overview.lacksAMXPermission, overview.arithmetic.precision == .bf16 {
            Console.warning(
                "the kernel refuses AMX\(overview.ranks == 1 ? "" : " to a rank"), so bf16 is slower than the CPU allows: use Linux "
                    + "5.16 or newer, and a sandbox that permits arch_prctl")
        }
        if overview.ranks > 1, overview.gradientCompression == .bf16 {
            line("gradients travel in bf16: the weights' bits depend on the number of ranks")
        }
        line("output shape \(table.outputShape): (batch, sequence, vocabulary)")
        line(table.text)
    }

    private func sequences(_ overview: TrainingOverview) -> String {
        overview.carriesStates
            ? "\(overview.batchSize) streams read in pieces of" : "\(overview.sequences.grouped) sequences of"
    }

    /// The teams, where threads share units.
    private func teams(_ grid: TeamGrid) -> String {
        guard grid.members > 1 else { return "" }
        return " (\(grid.teams) team\(grid.teams == 1 ? "" : "s") of \(grid.members))"
    }

    /// How bf16 is computed; in float32 there is one way.
    private func arithmetic(_ overview: TrainingOverview) -> String {
        guard overview.arithmetic.precision == .bf16 else { return "" }
        let hint = overview.arithmetic.roundsOperands ? " (multiplied as float32: fp32 takes no longer)" : ""
        return ", \(overview.arithmetic.rawValue)\(hint)"
    }

    private func show(untrainedLoss loss: Double, blind: Double) {
        line("untrained mean loss \(loss.fixed(4)), ln(vocabulary) \(blind.fixed(4))")
        if abs(loss - blind) > 0.1 * blind {
            Console.warning(
                "the untrained loss is more than 10 % away from ln(vocabulary): check the data and the model")
        }
    }

    private func show(loadedLoss loss: Double, blind: Double, path: String, isResumed: Bool) {
        let comparison = "\(loss.fixed(4)), ln(vocabulary) \(blind.fixed(4))"
        if !isResumed { line("mean loss of the given weights \(comparison)") }
        guard loss > Self.chance * blind else { return }
        Console.warning(
            isResumed
                ? "the loss after the resume is worse than guessing (\(comparison)): the training may have diverged; an older "
                    + "checkpoint may do better with `resume-from`"
                : "the weights of '\(path)' are worse than guessing (\(comparison)): check that they belong to this text "
                    + "and its vocabulary")
    }

    private func show(_ report: StopReport) {
        let again = RepeatedCommand(
            CommandLine.arguments, ancestors: Ancestor.all, usesLauncher: LaunchEnvironment.current.usesMPI,
            variable: { name in getenv(name).map { String(cString: $0) } })
        let place = again.lacksLauncher ? "go on, behind the same launcher, with" : "go on with"
        if let path = report.path {
            Console.notice(
                "stopped by \(cause(report)) after step \(report.step); saved \(path); \(place): \(again.resuming)")
        } else {
            Console.notice(
                "stopped by \(cause(report)) before the first step, nothing is lost; \(place): \(again.line)")
        }
    }

    /// The signal as the user knows it.
    private func cause(_ report: StopReport) -> String {
        if let signal = Supervision.signal, signal != 0 { return "\(StopSignals.name(signal)) to dtrain supervise" }
        let rank = report.rank.map { " on \($0)" } ?? ""
        let launcher = report.isFromLauncher ? Ancestor.all.first(where: \.isLauncher) : nil
        guard let launcher, report.signal == SIGTERM else { return StopSignals.name(report.signal) + rank }
        // Open MPI's launcher answers SIGINT with SIGTERM to its ranks.
        return launcher.isAtTerminal
            ? "Ctrl-C or SIGTERM to \(launcher.program)" : "SIGTERM\(rank) from \(launcher.program)"
    }

    private func show(_ report: StepReport) {
        guard !isQuiet else { return }
        let isLast = report.stepInEpoch == report.stepsPerEpoch
        let interval = showsBar ? Self.barInterval : Self.lineInterval
        guard !isLast, report.epochSeconds - lastLine >= interval else { return }
        lastLine = report.epochSeconds
        let rest = report.meanSeconds * Double(report.stepsPerEpoch - report.stepInEpoch)
        let line =
            "\(bar(report.stepInEpoch, of: report.stepsPerEpoch)) - ETA: \(Int(rest.rounded()))s - loss: "
            + report.epochLoss.fixed(4)
        if showsBar {
            write("\r\(line)\u{1B}[K")
            TerminalLine.isOpen = true
        } else {
            self.line(line)
        }
    }

    private func showEnd(_ bar: String, seconds: Double, meanSeconds: Double, loss: Double, validation: Double? = nil) {
        let milliseconds = Int((meanSeconds * 1000).rounded())
        if showsBar, !isQuiet { write("\r") }
        // In the place of the moving bar.
        TerminalLine.isOpen = false
        line(
            "\(bar) - \(Int(seconds.rounded()))s \(milliseconds)ms/step - loss: " + loss.fixed(4)
                + (validation.map { " - val_loss: \($0.fixed(4))" } ?? "")
                + (showsBar ? "\u{1B}[K" : ""))
    }

    private func line(_ text: String) {
        closeBar()
        write(text + "\n")
    }

    // A training doesn't stop because nobody can read how it goes.
    private func write(_ text: String) { try? Console.output(text) }

    /// `17/172 [==>...........................]`.
    private func bar(_ step: Int, of steps: Int) -> String {
        let width = 30
        let total = "\(steps)"
        let done = step * width / max(1, steps)
        let count = String(repeating: " ", count: total.count - "\(step)".count) + "\(step)/\(total)"
        let bar =
            done == width
            ? String(repeating: "=", count: width)
            : String(repeating: "=", count: done) + ">" + String(repeating: ".", count: width - done - 1)
        return "\(count) [\(bar)]"
    }
}
