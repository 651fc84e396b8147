extension Setting {
    /// Takes the stored value where none is given, and refuses or reports another one.
    package func resume(_ settings: inout Settings, from stored: Settings, of path: String) throws -> String? {
        guard onResume != .free, isKnown(in: stored) else { return nil }
        let old = stored[self]
        guard settings.isGiven(self) else {
            settings[self] = old
            return nil
        }
        let new = settings[self]
        guard old != new else { return nil }
        guard onResume == .mayChange else { throw contradiction(old, new, path) }
        return "`\(name)` changes from \(text(old)) to \(text(new))"
    }

    /// Whether the stored settings say what the value was.
    private func isKnown(in stored: Settings) -> Bool {
        switch storage {
        case .model, .training: stored.isGiven(self)
        case .trainingUnlessDefault: true
        case .nowhere: false
        }
    }

    private func contradiction(_ old: Value, _ new: Value, _ path: String) -> DTrainError {
        let values = "\(phrase(old)), not \(isSwitch ? phrase(new) : text(new))"
        if case .model = storage {
            return DTrainError(.usage, "the model of '\(path)' has \(values)", hint: "leave it out, or start anew")
        }
        // What is off unless it is named has no other flag.
        if isSwitch, !isOn(defaultValue) {
            return DTrainError(
                .usage, "'\(path)' was trained \(isOn(old) ? "with" : "without") `\(name)`",
                hint: "\(isOn(old) ? "add it" : "leave it out"), or start anew")
        }
        return DTrainError(
            .usage, "'\(path)' was trained with \(values)", hint: "resume with the same value, or start anew")
    }

    /// `seed` 42, `shuffle`, `no-shuffle`.
    private func phrase(_ value: Value) -> String {
        guard isSwitch else { return "`\(name)` \(text(value))" }
        return isOn(value) ? "`\(name)`" : "`no-\(name)`"
    }

    /// Whether a value is that of a switch that is on.
    private func isOn(_ value: Value) -> Bool { value.settingText == true.settingText }
}

extension Settings {
    /// Applies the rules for resuming: what isn't given takes the checkpoint's value.
    ///
    /// - Parameters:
    ///   - stored: the checkpoint's training settings.
    ///   - model: the checkpoint's model.
    ///   - path: the checkpoint, for messages.
    /// - Returns: a line for each setting that changes and may.
    /// - Throws: `DTrainError` with `usage` that names both values of a setting that may not change.
    package mutating func resume(from stored: Settings, model: ModelConfiguration, of path: String) throws -> [String] {
        try take(sizesOf: model, of: path)
        var result = self
        let changes = try Self.training.compactMap { try $0.resume(&result, from: stored, of: path) }
        self = result
        return changes
    }

    /// Takes a model's sizes where none are given.
    ///
    /// - Throws: `DTrainError` with `usage` that names the first size that contradicts the model, and both values.
    package mutating func take(sizesOf model: ModelConfiguration, of path: String) throws {
        var sizes = Settings()
        for size in Self.modelSizes { size.read(model, into: &sizes) }
        for size in Self.modelSizes { _ = try size.resume(&self, from: sizes, of: path) }
    }
}
