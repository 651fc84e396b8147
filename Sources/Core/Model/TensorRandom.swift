import CKernels

/// The random numbers of one tensor's initial values.
struct TensorRandom: Sendable {
    private let random: CounterRandom
    private let tensor: UInt32

    init(seed: UInt64, tensor: Int) {
        random = CounterRandom(seed: seed, purpose: .initialValues)
        self.tensor = UInt32(truncatingIfNeeded: tensor)
    }

    /// Fills the tensor's elements from `first` on with uniform numbers in [−limit, limit).
    func uniform(_ values: UnsafeMutableBufferPointer<Float>, from first: Int, limit: Float) {
        for index in values.indices {
            values[index] = (2 * random.uniform(UInt64(first + index), tensor) - 1) * limit
        }
    }

    /// Fills the tensor's elements from `first` on with standard normal numbers (Box and Muller,
    /// 1958).
    ///
    /// `first` must be even, since two words give two numbers.
    func normal(_ values: UnsafeMutableBufferPointer<Float>, from first: Int) {
        for index in stride(from: 0, to: values.count, by: 2) {
            let words = random.words(UInt64((first + index) / 2), tensor)
            let radius = (-2 * dtrain_log((Double(words.0 >> 8) + 0.5) * 0x1p-24)).squareRoot()
            var (sine, cosine) = (0.0, 0.0)
            dtrain_sine_cosine(Double(words.1 >> 8) * 0x1p-24, &sine, &cosine)
            values[index] = Float(radius * cosine)
            if index + 1 < values.count { values[index + 1] = Float(radius * sine) }
        }
    }
}
