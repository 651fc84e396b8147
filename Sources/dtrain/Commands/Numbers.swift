import ArgumentParser
import DTrainCore

/// A whole number above 0, from what a user has typed.
func positive(_ text: String) throws -> Int {
    try integer(text, 1...Int(Int32.max))
}

/// A whole number, 0 included.
func wholeNumber(_ text: String) throws -> Int {
    try integer(text, 0...Int(Int32.max))
}

/// What random numbers derive from.
func seedNumber(_ text: String) throws -> UInt64 {
    try integer(text, 0...UInt64.max)
}

/// A number above 0 that single precision, in which dtrain computes, has in full.
func positiveNumber(_ text: String) throws -> Double {
    guard let value = Double(text), value > 0, Float(value).isNormal else {
        throw ValidationError(
            "give a number from \(Float.leastNormalMagnitude) to \(Float.greatestFiniteMagnitude)")
    }
    return value
}

/// A number from 0 up to, but without, 1.
func fraction(_ text: String) throws -> Double {
    guard let value = Double(text), (0..<1).contains(value) else {
        throw ValidationError("give a number from 0 to below 1")
    }
    return value
}

/// A number from 0 to 1.
func probability(_ text: String) throws -> Double {
    guard let value = Double(text), (0...1).contains(value) else {
        throw ValidationError("give a number from 0 to 1")
    }
    return value
}

/// A number between 0 and 1, both excluded.
func properFraction(_ text: String) throws -> Double {
    guard let value = Double(text), value > 0, value < 1 else {
        throw ValidationError("give a number between 0 and 1, such as 0.1")
    }
    return value
}

/// A factor above 0 and not above 1.
func factor(_ text: String) throws -> Double {
    guard let value = Double(text), value > 0, value <= 1 else {
        throw ValidationError("give a number above 0 and at most 1")
    }
    return value
}

/// 0, or a number above it that single precision has in full.
func nonNegativeNumber(_ text: String) throws -> Double {
    if Double(text) == 0 { return 0 }
    guard let value = Double(text), value > 0, Float(value).isNormal else {
        throw ValidationError(
            "give 0 or a number from \(Float.leastNormalMagnitude) to \(Float.greatestFiniteMagnitude)")
    }
    return value
}

/// A number of steps, or of epochs with the unit behind it.
func stepCount(_ text: String) throws -> StepCount {
    guard let count = StepCount(text) else {
        throw ValidationError("give a number of steps, such as 500, or of epochs, such as 3epochs")
    }
    return count
}

/// How many characters are likely enough; 0 is what other programs call all.
func topKNumber(_ text: String) throws -> Int {
    if Int(text) == 0 { throw ValidationError("leave --top-k out, which keeps all characters") }
    return try positive(text)
}

/// The probability of the characters that are likely enough.
func topPNumber(_ text: String) throws -> Double {
    if Double(text) == 0 { throw ValidationError("write --greedy instead, which takes the likeliest character always") }
    return try factor(text)
}

/// How many texts are generated side by side after each prompt.
func sampleCount(_ text: String) throws -> Int {
    try integer(text, 1...10_000)
}

/// What divides the logits; 0 is what other programs call the likeliest character.
func temperatureNumber(_ text: String) throws -> Double {
    if Double(text) == 0 { throw ValidationError("write --greedy instead, which takes the likeliest character always") }
    return try positiveNumber(text)
}

private func integer<Value: FixedWidthInteger>(_ text: String, _ range: ClosedRange<Value>) throws -> Value {
    guard let value = Value(text), range.contains(value) else {
        throw ValidationError("give a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
}
