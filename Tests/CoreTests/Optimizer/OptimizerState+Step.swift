@testable import DTrainCore

extension OptimizerState {
    /// Updates a range of the parameters without counting the step.
    ///
    /// - Parameter gradient: the gradient of the range alone.
    func update(
        _ range: Range<Int>, of parameters: AlignedBuffer<Float>, gradient: [Float], learningRate: Double,
        gradientScale: Float = 1
    ) {
        let update = nextUpdate(learningRate: learningRate, gradientScale: gradientScale)
        gradient.withUnsafeBufferPointer { values in
            guard let first = values.baseAddress else { return }
            update.apply(to: ParameterRun(range, of: parameters.pointer, gradient: first, slots: slotAddresses))
        }
    }

    /// Takes a step of all parameters at once.
    func step(
        _ parameters: AlignedBuffer<Float>, _ gradient: [Float], learningRate: Double, gradientScale: Float = 1
    ) {
        update(
            0..<count, of: parameters, gradient: gradient, learningRate: learningRate, gradientScale: gradientScale)
        steps += 1
    }
}
