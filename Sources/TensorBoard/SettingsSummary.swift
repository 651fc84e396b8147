import DTrainCore
import DTrainDistributed

/// The settings of a training, as TensorBoard shows them.
struct SettingsSummary {
    private let overview: TrainingOverview
    private let settings: Settings

    /// Describes a training.
    init(_ overview: TrainingOverview, _ settings: Settings) { (self.overview, self.settings) = (overview, settings) }

    /// A Markdown table: the training's data, sizes and ranks, then all settings.
    var table: String {
        let facts = [
            ("dtrain", dtrainVersion), ("data", overview.data),
            (overview.tokenization.rawValue, "\(overview.tokens)"),
            ("vocabulary", "\(overview.layout.configuration.vocabularySize)"),
            ("parameters", "\(overview.layout.count)"), ("steps per epoch", "\(overview.stepsPerEpoch)"),
            ("ranks", "\(overview.ranks)"), ("threads of rank 0", "\(overview.threads)"),
            ("arithmetic", overview.arithmetic.rawValue),
        ]
        return Markdown.table(facts + Settings.all.map { ($0.name, $0.text(in: settings)) })
    }

    /// The settings that a checkpoint keeps, by name: numbers and switches as such, all others as
    /// text.
    var hyperparameters: [String: TensorBoardSettingValue] {
        (Settings.modelSizes + Settings.training).reduce(into: [:]) { values, setting in
            values[setting.name] = Self.value(setting.text(in: settings), isSwitch: setting.isSwitch)
        }
    }

    static func value(_ text: String, isSwitch: Bool) -> TensorBoardSettingValue {
        .with {
            if isSwitch {
                $0.boolValue = text == true.settingText
            } else if let number = Double(text), number.isFinite {
                $0.numberValue = number
            } else {
                $0.stringValue = text
            }
        }
    }
}
