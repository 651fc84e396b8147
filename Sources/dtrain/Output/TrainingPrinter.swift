import DTrainCore
import DTrainDistributed
import Glibc
import Pages

/// Prints a training's progress as Keras does: a moving bar on a terminal, plain lines elsewhere.
///
/// Only rank 0 uses it.
final class TrainingPrinter {
    private let showsBar: Bool
    private let isLaunched: Bool
    private let isQuiet: Bool
    private var overview: TrainingOverview?
    /// The epoch's wall seconds at the last line or update of the bar.
    private var lastLine = 0.0
    private var profile = ProfileTable()
    /// The step of a checkpoint being written; its line comes before the next epoch's.
    private var awaitedStep: Int?
    /// The heading of an epoch, held until the line of the save before it.
    private var heldHeading: String?
    /// The held-out losses so far.
    private var heldOut: [ValidationReport] = []
    /// The latest epoch and its loss.
    private var last: (epoch: Int, loss: Double)?
    /// The steps of this process and their wall seconds.
    private var (steps, seconds) = (0, 0.0)
    /// Whether a warning has said that the loss is worse than guessing.
    private var hasWarnedOfLoss = false
    /// Seconds between two lines of an epoch without a bar.
    private static let lineInterval = 10.0
    /// A loss above this multiple of ln(vocabulary) is worse than a uniform guess, beyond the noise
    /// of a batch.
    private static let chance = 1.05
    /// Seconds between two updates of the bar.
    private static let barInterval = 0.1

    /// Creates a printer.
    ///
    /// - Parameters:
    ///   - showsBar: whether standard output goes to a terminal.
    ///   - isLaunched: whether a launcher passes on the output.
    ///   - isQuiet: whether to omit the bar and saved files.
    init(showsBar: Bool, isLaunched: Bool = false, isQuiet: Bool) {
        (self.showsBar, self.isLaunched, self.isQuiet) = (showsBar, isLaunched, isQuiet)
    }

    func show(_ event: TrainingEvent) {
        switch event {
        case .saved: break
        case .step where awaitedStep != nil: break
        default: showHeldHeading()
        }
        switch event {
        case .ready(let overview):
            self.overview = overview
            show(overview)
        case .untrainedLoss(let loss, let uniform): show(untrainedLoss: Double(loss), uniform: uniform)
        case .loadedLoss(let loss, let uniform, let path, let isResumed):
            show(loadedLoss: Double(loss), uniform: uniform, path: path, isResumed: isResumed)
        case .epochBegan(let epoch, let epochs):
            heldHeading = TextStyle.bold.text("Epoch \(epoch.grouped)/\(epochs.grouped)", isShown: showsBar)
            if awaitedStep == nil || isQuiet { showHeldHeading() }
            lastLine = firstLine
        case .step(let report):
            profile.add(report)
            last = (report.epoch, report.epochLoss)
            (steps, seconds) = (steps + 1, seconds + report.seconds)
            show(report)
        case .stoppedInEpoch(let report):
            showEnd(
                report.stepInEpoch, of: report.stepsPerEpoch, seconds: report.epochSeconds,
                meanSeconds: report.meanSeconds, loss: report.epochLoss)
        case .epochEnded(let report):
            awaitedStep = report.epoch * report.steps
            last = (report.epoch, report.loss)
            heldOut += [report.validation].compactMap(\.self)
            showEnd(
                report.steps, of: report.steps, seconds: report.seconds, meanSeconds: report.meanSeconds,
                loss: report.loss, validation: report.validation?.loss)
            warnIfDiverged(report)
        case .validated(let report):
            heldOut.append(report)
            if showsBar { lastLine = firstLine }
            line("step \(report.step.grouped) - val_loss: \(report.loss.fixed(4))")
        case .stoppedEarly(let validation):
            let best = validation.bestLoss.map {
                "; the lowest is \($0.fixed(4)), after step \(validation.bestStep.grouped): \(CheckpointDirectory.bestName)"
            }
            Console.notice(
                "stopped early: no improvement in the last \(validation.waited) held-out losses\(best ?? "")")
        case .stopped(let report): show(report)
        case .sampled(let text, let epoch):
            line(TextStyle.bold.text("--- epoch \(epoch.grouped) ---", isShown: showsBar) + "\n\(text)\n---")
        case .saved(let path, let progress):
            if let step = progress?.step, step >= awaitedStep ?? 0 { awaitedStep = nil }
            if !isQuiet { line("saved \(path)\(progress.map { " (\(place($0)))" } ?? "")") }
        case .notice(let text): Console.notice(text)
        case .warning(let text): Console.warning(text)
        }
    }

    /// Ends the line of an unfinished bar.
    func closeBar() {
        TerminalLine.close()
    }

    /// Prints the profile, if measured, and the summary of a finished training.
    func showEnd(isComplete: Bool) {
        if let table = profile.text { line(table) }
        guard isComplete, !isQuiet, steps > 0, let overview, let last else { return }
        let summary = TrainingSummary(
            overview: overview, epoch: last.epoch, loss: last.loss, steps: steps, seconds: seconds, heldOut: heldOut)
        for text in summary.lines { line(text) }
    }

    /// Prints the held heading of an epoch.
    private func showHeldHeading() {
        if let text = heldHeading { line(text) }
        heldHeading = nil
    }

    /// The position of a checkpoint: `epoch 2`, or `epoch 3, step 400` within an epoch.
    private func place(_ progress: TrainingProgress) -> String {
        progress.stepInEpoch == 0
            ? "epoch \(progress.epoch.grouped)" : "epoch \((progress.epoch + 1).grouped), step \(progress.step.grouped)"
    }

    private func show(_ overview: TrainingOverview) {
        let table = ModelTable(overview.layout, batch: (overview.batchSize, overview.sequenceLength))
        let files = overview.files > 1 ? " (\(overview.files) files)" : ""
        let ranks = overview.ranks == 1 ? "1 process" : "\(overview.ranks) ranks"
        line(
            "\(overview.data)\(files): \(overview.tokens.grouped) \(overview.tokenization.rawValue), "
                + "vocabulary \(overview.layout.configuration.vocabularySize), \(sequences(overview)) \(overview.sequenceLength), "
                + "\(overview.stepsPerEpoch.grouped) steps per epoch")
        if let heldOut = overview.heldOut {
            line(
                "held out: \(heldOut.grouped) \(overview.tokenization.rawValue) \(overview.heldOutName.map { "of \($0)" } ?? "at the end of the text")"
            )
        }
        let quota = overview.quota.map { ", in a CPU quota of \(HostLoad.text($0.processors)) of \($0.of) cores" } ?? ""
        line(
            "\(ranks) \(Terminal.shown("×")) \(overview.threads) thread\(overview.threads == 1 ? "" : "s")\(teams(overview.grid))\(quota), "
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
            line("gradients are exchanged in bf16: the weights' bits depend on the number of ranks")
        }
        line("output shape \(table.outputShape): (batch, sequence, vocabulary)")
        line(table.text)
    }

    private func sequences(_ overview: TrainingOverview) -> String {
        overview.carriesStates
            ? "\(overview.batchSize) streams in sequences of" : "\(overview.sequences.grouped) sequences of"
    }

    /// The teams, if threads share a model's units.
    private func teams(_ grid: TeamGrid) -> String {
        guard grid.members > 1 else { return "" }
        return " (\(grid.teams) team\(grid.teams == 1 ? "" : "s") of \(grid.members))"
    }

    /// The arithmetic of bf16; empty for float32.
    private func arithmetic(_ overview: TrainingOverview) -> String {
        guard overview.arithmetic.precision == .bf16 else { return "" }
        let hint = overview.arithmetic.roundsOperands ? " (multiplied as float32: fp32 takes no longer)" : ""
        return ", \(overview.arithmetic.rawValue)\(hint)"
    }

    private func show(untrainedLoss loss: Double, uniform: Double) {
        line("untrained mean loss \(loss.fixed(4)), ln(vocabulary) \(uniform.fixed(4))")
        if abs(loss - uniform) > 0.1 * uniform {
            Console.warning(
                "the untrained loss differs from ln(vocabulary) by more than 10 %: check the data and the model")
        }
    }

    private func show(loadedLoss loss: Double, uniform: Double, path: String, isResumed: Bool) {
        let comparison = "\(loss.fixed(4)), ln(vocabulary) \(uniform.fixed(4))"
        if !isResumed { line("mean loss of the given weights \(comparison)") }
        guard loss > Self.chance * uniform else { return }
        hasWarnedOfLoss = isResumed
        Console.warning(
            isResumed
                ? "the loss after the resume is worse than guessing (\(comparison)): the training may have diverged; try an older "
                    + "checkpoint with `resume-from`"
                : "the weights of '\(path)' are worse than guessing (\(comparison)): check that they belong to this text "
                    + "and its vocabulary")
    }

    /// Warns, once, of an epoch whose loss is worse than guessing.
    ///
    /// The mean of the first epoch contains the jump of the loss in the first steps.
    private func warnIfDiverged(_ report: EpochReport) {
        guard report.epoch > 1, !hasWarnedOfLoss, let overview else { return }
        let uniform = log(Double(overview.layout.configuration.vocabularySize))
        guard report.loss > Self.chance * uniform else { return }
        hasWarnedOfLoss = true
        Console.warning(
            "the loss of epoch \(report.epoch.grouped) is worse than guessing (\(report.loss.fixed(4)), ln(vocabulary) "
                + "\(uniform.fixed(4))): the training has probably diverged; use a lower `learning-rate` and another "
                + "`checkpoint-dir`, from an older checkpoint with `resume-from` or from the start")
    }

    private func show(_ report: StopReport) {
        let again = RepeatedCommand(
            CommandLine.arguments, ancestors: Ancestor.all, usesLauncher: LaunchEnvironment.current.usesMPI,
            variable: { name in getenv(name).map { String(cString: $0) } })
        let place = again.lacksLauncher ? " under the same launcher" : ""
        if let path = report.path {
            Console.notice(
                "stopped by \(cause(report)) after step \(report.step.grouped); saved \(path); resume\(place) with: \(again.resuming)"
            )
        } else {
            Console.notice(
                "stopped by \(cause(report)) before the first step, nothing is lost; start again\(place) with: \(again.line)"
            )
        }
    }

    /// The signal by its familiar name, with its sender or receiver.
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
        if heldHeading != nil, awaitedStep != nil, report.epochSeconds < Self.lineInterval { return }
        showHeldHeading()
        lastLine = report.epochSeconds
        let line = ProgressLine(
            step: report.stepInEpoch, steps: report.stepsPerEpoch,
            fields: [
                "ETA: \((report.meanSeconds * Double(report.stepsPerEpoch - report.stepInEpoch)).clock)",
                "loss: \(report.epochLoss.fixed(4))",
            ]
                + [validationField(heldOut.last?.loss), rate(meanSeconds: report.meanSeconds), rest(report)].compactMap(
                    \.self)
        ).text(columns: showsBar ? columns : nil)
        if showsBar {
            write("\r\(line)\u{1B}[K")
            TerminalLine.isOpen = true
        } else {
            self.line(line)
        }
    }

    private func showEnd(
        _ step: Int, of steps: Int, seconds: Double, meanSeconds: Double, loss: Double, validation: Double? = nil
    ) {
        let perStep = meanSeconds > 0 ? " \(Int((meanSeconds * 1000).rounded()).grouped)ms/step" : ""
        let line = ProgressLine(
            step: step, steps: steps,
            fields: ["\(seconds.clock)\(perStep)", "loss: \(loss.fixed(4))"]
                + [validationField(validation), rate(meanSeconds: meanSeconds)].compactMap(\.self),
            neededFields: validation == nil ? 2 : 3, mayWrap: true
        ).text(columns: showsBar ? columns : nil)
        if showsBar, !isQuiet { write("\r") }
        // This line replaces the moving bar.
        TerminalLine.isOpen = false
        self.line(line + (showsBar ? "\u{1B}[K" : ""))
    }

    /// The initial time of the last line: a bar shows the first step, lines wait for their
    /// interval.
    private var firstLine: Double { showsBar ? -.infinity : 0 }

    /// The window's current columns, or 80 if unknown.
    private var columns: Int { Terminal.columns(launched: isLaunched) ?? 80 }

    private func validationField(_ loss: Double?) -> String? { loss.map { "val_loss: \($0.fixed(4))" } }

    /// The speed, such as `11.2k chars/s`.
    private func rate(meanSeconds: Double) -> String? {
        guard let overview, meanSeconds > 0 else { return nil }
        return "\((Double(overview.batchSize * overview.sequenceLength) / meanSeconds).short) \(overview.tokenUnit)/s"
    }

    /// The time to the end of the training; nil in the last epoch.
    private func rest(_ report: StepReport) -> String? {
        guard let overview, overview.plannedSteps > report.step + report.stepsPerEpoch - report.stepInEpoch else {
            return nil
        }
        return "\((report.meanSeconds * Double(overview.plannedSteps - report.step)).clock) left"
    }

    private func line(_ text: String) {
        closeBar()
        write(text + "\n")
    }

    // Progress that can't be printed is no reason to stop training.
    private func write(_ text: String) { try? Console.output(text) }
}
