import ArgumentParser
import DTrainCore

// Values of flags. Each function throws `ValidationError`, which states the valid range.

/// Reads a whole number above 0.
func positive(_ text: String) throws -> Int {
    try integer(text, 1...Int(Int32.max))
}

/// Reads a whole number, including 0.
func wholeNumber(_ text: String) throws -> Int {
    try integer(text, 0...Int(Int32.max))
}

/// Reads a random seed.
func seedNumber(_ text: String) throws -> UInt64 {
    try integer(text, 0...UInt64.max)
}

/// Reads a number above 0 in the normal range of float32, in which dtrain computes.
func positiveNumber(_ text: String) throws -> Double {
    guard let value = Double(text), value > 0, Float(value).isNormal else {
        throw ValidationError(
            "give a number from \(Float.leastNormalMagnitude) to \(Float.greatestFiniteMagnitude)")
    }
    return value
}

/// Reads a number in 0..<1.
func fraction(_ text: String) throws -> Double {
    guard let value = Double(text), (0..<1).contains(value) else {
        throw ValidationError("give a number from 0 to below 1")
    }
    return value
}

/// Reads a number in 0...1.
func probability(_ text: String) throws -> Double {
    guard let value = Double(text), (0...1).contains(value) else {
        throw ValidationError("give a number from 0 to 1")
    }
    return value
}

/// Reads a number between 0 and 1, both excluded.
func properFraction(_ text: String) throws -> Double {
    guard let value = Double(text), value > 0, value < 1 else {
        throw ValidationError("give a number between 0 and 1, such as 0.1")
    }
    return value
}

/// Reads a factor above 0 and at most 1.
func factor(_ text: String) throws -> Double {
    guard let value = Double(text), value > 0, value <= 1 else {
        throw ValidationError("give a number above 0 and at most 1")
    }
    return value
}

/// Reads 0, or a positive number in the normal range of float32.
func nonNegativeNumber(_ text: String) throws -> Double {
    if Double(text) == 0 { return 0 }
    guard let value = Double(text), value > 0, Float(value).isNormal else {
        throw ValidationError(
            "give 0 or a number from \(Float.leastNormalMagnitude) to \(Float.greatestFiniteMagnitude)")
    }
    return value
}

/// Reads a number of steps, or of epochs with the suffix `epochs`.
func stepCount(_ text: String) throws -> StepCount {
    guard let count = StepCount(text) else {
        throw ValidationError("give a number of steps, such as 500, or of epochs, such as 3epochs")
    }
    return count
}

/// Reads the number of candidates for top-k sampling; 0, which means all in other programs, gets an
/// error of its own.
func topKNumber(_ text: String) throws -> Int {
    if Int(text) == 0 { throw ValidationError("leave out --top-k to keep all characters") }
    return try positive(text)
}

/// Reads the cumulative probability for top-p sampling; for 0 the error names `--greedy`.
func topPNumber(_ text: String) throws -> Double {
    if Double(text) == 0 { throw ValidationError("write --greedy instead, which always takes the likeliest character") }
    return try factor(text)
}

/// Reads the number of samples per prompt.
func sampleCount(_ text: String) throws -> Int {
    try integer(text, 1...10_000)
}

/// Reads a temperature; for 0, which means greedy in other programs, the error names `--greedy`.
func temperatureNumber(_ text: String) throws -> Double {
    if Double(text) == 0 { throw ValidationError("write --greedy instead, which always takes the likeliest character") }
    return try positiveNumber(text)
}

private func integer<Value: FixedWidthInteger>(_ text: String, _ range: ClosedRange<Value>) throws -> Value {
    guard let value = Value(text), range.contains(value) else {
        throw ValidationError("give a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
}
