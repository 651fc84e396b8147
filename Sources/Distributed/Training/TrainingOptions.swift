import DTrainCore

/// The options of a training: a text, a start, and settings.
package struct TrainingOptions: Hashable, Sendable {
    /// The files and folders of the text, UTF-8; a rank without any uses rank 0's.
    package var data: [String]
    /// The source of the weights at the start.
    package var start: Start
    /// All other options; see the entries of `Setting`.
    package var settings: Settings

    /// The source of the weights at the start.
    package enum Start: Hashable, Sendable {
        /// Keras's initial values.
        case fresh
        /// A safetensors file, which also sets the model's sizes.
        case weights(String)
        /// The newest valid checkpoint of the folder; a fresh start if there is none.
        case resume
        /// One checkpoint file.
        case resumeFrom(String)
    }

    /// Creates the options of a training.
    ///
    /// - Parameters:
    ///   - data: the files and folders of the text, UTF-8.
    ///   - start: the source of the weights.
    ///   - settings: the settings that the user gave; a resumed training takes the others from its
    ///     checkpoint.
    package init(data: [String], start: Start = .fresh, settings: Settings = Settings()) {
        (self.data, self.start, self.settings) = (data, start, settings)
    }

    /// Creates the options of a training on one file.
    package init(data: String, start: Start = .fresh, settings: Settings = Settings()) {
        self.init(data: [data], start: start, settings: settings)
    }

    /// The value of a setting; a setting that is assigned counts as given.
    package subscript<Value>(setting: Setting<Value>) -> Value {
        get { settings[setting] }
        set { settings[setting] = newValue }
    }

    /// Returns whether a setting was given explicitly, even if with its default value.
    package func isGiven<Value>(_ setting: Setting<Value>) -> Bool { settings.isGiven(setting) }

    /// The names and values that must be the same on all ranks.
    ///
    /// A value that will come from a file appears as such, because giving the default differs from
    /// giving none.
    var fingerprint: [(key: String, value: String)] {
        let compared = Settings.all.filter { $0.ranks == .same }.map { setting in
            (key: "`\(setting.name)`", value: comesFromFile(setting) ? "as stored" : setting.text(in: settings))
        }
        return [("dtrain's version", dtrainVersion), ("start (`init`, `resume`, `resume-from`)", "\(start)")]
            + compared
    }

    private func comesFromFile(_ setting: any AnySetting) -> Bool {
        guard setting.isStored, !setting.isGiven(in: settings) else { return false }
        return switch start {
        case .fresh: false
        case .weights: (Settings.modelSizes + [Setting.tokens]).contains { $0.name == setting.name }
        case .resume, .resumeFrom: true
        }
    }
}
