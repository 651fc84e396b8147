import ArgumentParser
import DTrainCore

extension ArgumentHelp {
    /// The help of a setting's flag: its summary, and its default from the same entry.
    ///
    /// - Parameter isCommon: whether `--help` lists the flag; `--help-all` lists every one.
    static func setting<Value>(_ setting: Setting<Value>, valueName: String? = nil, isCommon: Bool = true)
        -> ArgumentHelp
    {
        // A switch that is off needs no mention.
        let shownDefault = setting.isSwitch ? (setting.defaultText == "true" ? "on" : nil) : setting.defaultText
        return ArgumentHelp(
            "\(setting.summary)\(shownDefault.map { " (default: \($0))" } ?? "").", valueName: valueName,
            visibility: isCommon ? .default : .hidden)
    }
}

/// A value that a flag can also switch off.
enum OrOff<Value: Sendable>: Sendable {
    case value(Value)
    case off

    /// The value, nil for off.
    var value: Value? {
        if case .value(let value) = self { value } else { nil }
    }
}

/// A number above 0, or `off`.
func positiveNumberOrOff(_ text: String) throws -> OrOff<Double> {
    text == "off" ? .off : .value(try positiveNumber(text))
}

/// A whole number above 0, or `off`.
func positiveOrOff(_ text: String) throws -> OrOff<Int> {
    text == "off" ? .off : .value(try positive(text))
}

/// A number of steps or epochs above 0, or `horizon`: to the end of the training.
func stepCountOrHorizon(_ text: String) throws -> OrOff<StepCount> {
    if text == "horizon" { return .off }
    let count = try stepCount(text)
    guard count != .steps(0), count != .epochs(0) else {
        throw ValidationError("give at least one step, or horizon for the rest of the training")
    }
    return .value(count)
}

extension Settings {
    /// The flags that give the same values, of the settings in a table.
    func flags(_ table: [any AnySetting]) -> [String] {
        table.filter { $0.isGiven(in: self) }.flatMap { setting in
            let value = setting.text(in: self)
            guard setting.isSwitch else { return ["--\(setting.name)", value] }
            return [value == "true" ? "--\(setting.name)" : "--no-\(setting.name)"]
        }
    }
}
