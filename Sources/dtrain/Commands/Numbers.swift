import ArgumentParser

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
