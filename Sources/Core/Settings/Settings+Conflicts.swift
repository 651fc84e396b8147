extension Settings {
    /// Checks that the settings don't contradict each other.
    ///
    /// - Parameter given: the settings given for this start, without those from a checkpoint.
    /// - Throws: `DTrainError` with `usage` that names the first conflict.
    func requireConsistent(given: Settings) throws {
        try requireConsistentSizes()
        try requireConsistentData(given)
        try requireConsistentSchedule()
        try requireUse(of: given)
    }

    private func requireConsistentSizes() throws {
        if self[.microBatchSize] > self[.batchSize] {
            throw DTrainError(
                .usage, "`micro-batch-size` \(self[.microBatchSize]) is larger than `batch-size` \(self[.batchSize])",
                hint: "lower it")
        }
        if self[.gradientSummation] != .tree, self[.gradientCompression] != GradientCompression.none {
            throw DTrainError(
                .usage,
                "`gradient-compression` has no effect with `allreduce` \(self[.gradientSummation].rawValue)",
                hint: "leave `gradient-compression` out")
        }
    }

    private func requireConsistentData(_ given: Settings) throws {
        if self[.stateful], self[.shuffle] {
            throw DTrainError(
                .usage, "`stateful` carries states along the text, which `shuffle` would mix up",
                hint: "leave one of them out")
        }
        if self[.stateful], self[.scheduledSampling] > 0 {
            throw DTrainError(
                .usage,
                "`scheduled-sampling` feeds the model characters that aren't in the text, and `stateful` would carry their "
                    + "states to the next step",
                hint: "leave one of them out")
        }
        if self[.validationSplit] != nil, self[.validationData] != nil {
            throw DTrainError(
                .usage, "`validation-split` and `validation-data` both choose the held-out text",
                hint: "use one of them")
        }
        guard !holdsOut else { return }
        let dependent: [any AnySetting] = [Setting.earlyStopping, Setting.validateEverySteps, Setting.minDelta]
        if let first = dependent.first(where: { $0.text(in: self) != $0.defaultText }) {
            throw DTrainError(
                .usage, "`\(first.name)` needs held-out data",
                hint: "add `validation-split` or `validation-data`, or leave it out")
        }
    }

    private func requireConsistentSchedule() throws {
        if self[.clipNorm] != nil, self[.clipValue] != nil {
            throw DTrainError(
                .usage, "`clip-norm` and `clip-value` exclude each other",
                hint: "use one of them and turn the other off")
        }
        let schedule = self[.schedule]
        if schedule == .exponential || schedule == .step, self[.decaySteps] == nil {
            throw DTrainError(
                .usage, "`schedule` \(schedule.rawValue) needs the number of steps after which the rate falls",
                hint: "add `decay-steps`")
        }
    }

    /// Throws if a given setting has no effect.
    private func requireUse(of given: Settings) throws {
        if Setting.scheduledSamplingRamp.isGiven(in: given), self[.scheduledSampling] == 0 {
            throw DTrainError(
                .usage, "`scheduled-sampling-ramp` has no effect without `scheduled-sampling`",
                hint: "add that, or leave it out")
        }
        let optimizer = self[.optimizer]
        let optimizers: [(any AnySetting, Set<OptimizerKind>)] = [
            (Setting.beta1, [.adam, .adamw]), (Setting.beta2, [.adam, .adamw]),
            (Setting.epsilon, [.adam, .adamw, .rmsprop]), (Setting.rho, [.rmsprop]), (Setting.momentum, [.sgd]),
            (Setting.weightDecay, [.adamw]),
        ]
        try Self.requireUse(of: given, among: optimizers, by: Setting.optimizer, optimizer)
        let falling: Set<ScheduleKind> = [.linear, .cosine, .exponential, .step]
        let schedules: [(any AnySetting, Set<ScheduleKind>)] = [
            (Setting.decayStart, falling), (Setting.decaySteps, falling), (Setting.decayRate, [.exponential, .step]),
            (Setting.finalLearningRate, falling),
        ]
        try Self.requireUse(of: given, among: schedules, by: Setting.schedule, self[.schedule])
    }

    private static func requireUse<Kind: CaseIterable & RawRepresentable<String>>(
        of given: Settings, among users: [(setting: any AnySetting, kinds: Set<Kind>)], by user: any AnySetting,
        _ kind: Kind
    ) throws {
        guard let idle = users.first(where: { $0.setting.isGiven(in: given) && !$0.kinds.contains(kind) }) else {
            return
        }
        let others = Kind.allCases.filter(idle.kinds.contains).map(\.rawValue).joined(separator: " or ")
        throw DTrainError(
            .usage, "`\(idle.setting.name)` has no effect with `\(user.name)` \(kind.rawValue)",
            hint: "leave it out, or use `\(user.name)` \(others)")
    }
}
