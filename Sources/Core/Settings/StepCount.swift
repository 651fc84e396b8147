/// A number of optimiser steps, given as such or in epochs: `500`, `3epochs`, `0.5epochs`.
public enum StepCount: Hashable, Sendable {
    /// The most epochs that a training can have.
    static let maximumEpochs = 1 << 20

    /// Optimiser steps.
    case steps(Int)
    /// Epochs, fractions included.
    case epochs(Double)

    /// More than any training takes; sums of a few such numbers can't overflow.
    static let mostSteps = 1 << 53
    /// The unit of epochs.
    private static let epochs = "epochs"

    /// Reads a count as a user writes it; nil for anything else, negative and infinite counts included.
    public init?(_ text: String) {
        guard text.hasSuffix(Self.epochs) else {
            guard let steps = Int(text) else { return nil }
            self = .steps(steps)
            if !isPossible { return nil }
            return
        }
        guard let epochs = Double(text.dropLast(Self.epochs.count)) else { return nil }
        self = .epochs(epochs)
        if !isPossible { return nil }
    }

    /// The nearest whole number of steps, at most 2⁵³.
    ///
    /// - Parameter stepsPerEpoch: the steps of an epoch.
    public func steps(perEpoch stepsPerEpoch: Int) -> Int {
        switch self {
        case .steps(let steps): steps
        case .epochs(let epochs): Int(min((epochs * Double(stepsPerEpoch)).rounded(), Double(Self.mostSteps)))
        }
    }

    /// Whether a training can have so many steps.
    var isPossible: Bool {
        switch self {
        case .steps(let steps): (0...Int(Int32.max)).contains(steps)
        case .epochs(let epochs): (0...Double(Self.maximumEpochs)).contains(epochs)
        }
    }

    /// Whether there is no step, whatever the length of an epoch.
    var isZero: Bool {
        switch self {
        case .steps(let steps): steps == 0
        case .epochs(let epochs): epochs == 0
        }
    }
}

extension StepCount: SettingValue {
    /// `500`, `3epochs` or `0.5epochs`.
    public var settingText: String? {
        switch self {
        case .steps(let steps): "\(steps)"
        case .epochs(let epochs): (Int(exactly: epochs).map { "\($0)" } ?? "\(epochs)") + Self.epochs
        }
    }

    /// Reads the form that a user writes.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let count = StepCount(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "no number of steps or epochs")
        }
        self = count
    }

    /// Writes the form that a user writes.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(settingText)
    }
}
