extension Setting {
    /// Takes the stored value if none is given; otherwise reports a changed value, or throws if it
    /// may not change.
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

    /// Whether the stored settings determine the value.
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
            return DTrainError(
                .usage, "the model of '\(path)' has \(values)", hint: "leave it out, or start a new training")
        }
        // A switch that is off by default has no `no-` form.
        if isSwitch, !isOn(defaultValue) {
            return DTrainError(
                .usage, "'\(path)' was trained \(isOn(old) ? "with" : "without") `\(name)`",
                hint: "\(isOn(old) ? "add it" : "leave it out"), or start a new training")
        }
        return DTrainError(
            .usage, "'\(path)' was trained with \(values)", hint: "resume with the same value, or start a new training")
    }

    /// The setting and value as a user writes them: `seed` 42, `shuffle`, `no-shuffle`.
    private func phrase(_ value: Value) -> String {
        guard isSwitch else { return "`\(name)` \(text(value))" }
        return isOn(value) ? "`\(name)`" : "`no-\(name)`"
    }

    /// Whether this is a switch value that is on.
    private func isOn(_ value: Value) -> Bool { value.settingText == true.settingText }
}

extension Settings {
    /// Applies the rules for resuming: settings that aren't given take the checkpoint's values.
    ///
    /// - Parameters:
    ///   - stored: the settings in the checkpoint.
    ///   - model: the checkpoint's model.
    ///   - path: the checkpoint's path, for messages.
    /// - Returns: a line for each setting that changes.
    /// - Throws: `DTrainError` with `usage` that names both values of a setting that may not
    ///   change.
    package mutating func resume(from stored: Settings, model: ModelConfiguration, of path: String) throws -> [String] {
        try take(sizesOf: model, of: path)
        var result = self
        let changes = try Self.training.compactMap { try $0.resume(&result, from: stored, of: path) }
        self = result
        return changes
    }

    /// Takes the model's sizes where none are given.
    ///
    /// - Throws: `DTrainError` with `usage` that names the first size that differs from the
    ///   model's, with both values.
    package mutating func take(sizesOf model: ModelConfiguration, of path: String) throws {
        var sizes = Settings()
        for size in Self.modelSizes { size.read(model, into: &sizes) }
        for size in Self.modelSizes { _ = try size.resume(&self, from: sizes, of: path) }
    }
}
