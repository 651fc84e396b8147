import DTrainCore

/// What to train: a text, a start, and settings.
package struct TrainingOptions: Hashable, Sendable {
    /// The files and folders of the text, UTF-8; a rank without any takes rank 0's.
    package var data: [String]
    /// The source of the weights at the start.
    package var start: Start
    /// Everything else; see the entries of `Setting`.
    package var settings: Settings

    /// The source of the weights at the start.
    package enum Start: Hashable, Sendable {
        /// Keras's initial values.
        case fresh
        /// A safetensors file, which also sets the model's sizes.
        case weights(String)
        /// The newest valid checkpoint of the folder; the beginning where there is none.
        case resume
        /// One checkpoint file.
        case resumeFrom(String)
    }

    /// The options of a training.
    ///
    /// - Parameters:
    ///   - data: the files and folders of the text, UTF-8.
    ///   - start: the source of the weights.
    ///   - settings: what was given; a resumed training takes the rest from its checkpoint.
    package init(data: [String], start: Start = .fresh, settings: Settings = Settings()) {
        (self.data, self.start, self.settings) = (data, start, settings)
    }

    /// The options of a training on one file.
    package init(data: String, start: Start = .fresh, settings: Settings = Settings()) {
        self.init(data: [data], start: start, settings: settings)
    }

    /// The value of a setting; one that is set counts as given.
    package subscript<Value>(setting: Setting<Value>) -> Value {
        get { settings[setting] }
        set { settings[setting] = newValue }
    }

    /// Whether a value was given, be it the default's.
    package func isGiven<Value>(_ setting: Setting<Value>) -> Bool { settings.isGiven(setting) }

    /// What must be the same on all ranks: each setting's name and its value.
    ///
    /// A value that will come from a file counts as such, since giving the default is not the same as giving none.
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
