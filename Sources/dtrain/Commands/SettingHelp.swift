import ArgumentParser
import DTrainCore

extension ArgumentHelp {
    /// The help of a setting's flag: the setting's summary and default.
    ///
    /// - Parameter isCommon: whether `--help` lists the flag; `--help-all` lists every one.
    static func setting<Value>(_ setting: Setting<Value>, valueName: String? = nil, isCommon: Bool = true)
        -> ArgumentHelp
    {
        // The default of a switch that is off needs no mention.
        let shownDefault = setting.isSwitch ? (setting.defaultText == "true" ? "on" : nil) : setting.defaultText
        return ArgumentHelp(
            "\(setting.summary)\(shownDefault.map { " (default: \($0))" } ?? "").", valueName: valueName,
            visibility: isCommon ? .default : .onlyInFullHelp)
    }
}

extension ArgumentVisibility {
    /// Listed by `--help-all` and in completions, which the parser makes of displayed flags only.
    static var onlyInFullHelp: ArgumentVisibility {
        CommandLine.arguments.dropFirst().contains { $0.hasPrefix("--generate-completion-script") } ? .default : .hidden
    }
}

/// The value of a flag that accepts `off`.
enum OrOff<Value: Sendable>: Sendable {
    case value(Value)
    case off

    /// The value; nil for `off`.
    var value: Value? {
        if case .value(let value) = self { value } else { nil }
    }
}

/// Reads a number above 0, or `off`.
func positiveNumberOrOff(_ text: String) throws -> OrOff<Double> {
    text == "off" ? .off : .value(try positiveNumber(text))
}

/// Reads a whole number above 0, or `off`.
func positiveOrOff(_ text: String) throws -> OrOff<Int> {
    text == "off" ? .off : .value(try positive(text))
}

/// Reads a number of steps or epochs above 0, or `horizon` for all remaining steps.
func stepCountOrHorizon(_ text: String) throws -> OrOff<StepCount> {
    if text == "horizon" { return .off }
    let count = try stepCount(text)
    guard count != .steps(0), count != .epochs(0) else {
        throw ValidationError("give at least one step, or horizon for all remaining steps")
    }
    return .value(count)
}

extension Settings {
    /// The command-line flags for the given settings of a table.
    func flags(_ table: [any AnySetting]) -> [String] {
        table.filter { $0.isGiven(in: self) }.flatMap { setting in
            let value = setting.text(in: self)
            guard setting.isSwitch else { return ["--\(setting.name)", value] }
            return [value == "true" ? "--\(setting.name)" : "--no-\(setting.name)"]
        }
    }
}
