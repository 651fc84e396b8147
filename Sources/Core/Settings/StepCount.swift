/// A number of optimizer steps, given in steps or epochs: `500`, `3epochs`, `0.5epochs`.
public enum StepCount: Hashable, Sendable {
    /// The largest number of epochs.
    static let maximumEpochs = 1 << 20

    /// A number of optimizer steps.
    case steps(Int)
    /// A number of epochs, possibly fractional.
    case epochs(Double)

    /// An upper bound on steps, small enough that sums of a few such numbers can't overflow.
    static let maximumSteps = 1 << 53
    /// The suffix of a number of epochs.
    private static let epochs = "epochs"

    /// Parses a count as a user writes it; nil if it is malformed, negative or too large.
    public init?(_ text: String) {
        guard text.hasSuffix(Self.epochs) else {
            guard let steps = Int(text) else { return nil }
            self = .steps(steps)
            if !isValid { return nil }
            return
        }
        guard let epochs = Double(text.dropLast(Self.epochs.count)) else { return nil }
        self = .epochs(epochs)
        if !isValid { return nil }
    }

    /// The count in steps, rounded to the nearest integer and at most 2⁵³.
    ///
    /// - Parameter stepsPerEpoch: the number of steps in an epoch.
    public func steps(perEpoch stepsPerEpoch: Int) -> Int {
        switch self {
        case .steps(let steps): steps
        case .epochs(let epochs): Int(min((epochs * Double(stepsPerEpoch)).rounded(), Double(Self.maximumSteps)))
        }
    }

    /// Whether the number is within the valid range.
    var isValid: Bool {
        switch self {
        case .steps(let steps): (0...Int(Int32.max)).contains(steps)
        case .epochs(let epochs): (0...Double(Self.maximumEpochs)).contains(epochs)
        }
    }

    /// Whether the count is zero, however long an epoch is.
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

    /// Decodes the form that a user writes.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let count = StepCount(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "no number of steps or epochs")
        }
        self = count
    }

    /// Encodes the form that a user writes.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(settingText)
    }
}
