import CKernels
import Glibc
import Testing

@testable import DTrainCore

@Suite struct LossKernelTests {
    @Test(arguments: [1, 2, 5, 15, 16, 17, 66, 131], [Float(0.1), 3, 60])
    func crossEntropyAndItsGradientMatchTheFormula(count: Int, spread: Float) throws {
        let (logits, bias) = (testNumbers(count, limit: spread, salt: 1), testNumbers(count, salt: 2))
        let sums = zip(logits, bias).map { Double($0) + Double($1) }
        for target in Set([0, count / 2, count - 1]) {
            let inPlace = try buffer(logits)
            let outOfPlace = try AlignedBuffer<Float>(count: count)
            let (n, at) = (Int64(count), Int64(target))
            var softmax = dtrain_softmax()
            let losses = [
                dtrain_softmax_cross_entropy(logits, bias, n, at, 0.25, nil, nil),
                dtrain_softmax_cross_entropy(logits, bias, n, at, 0.25, outOfPlace.pointer, &softmax),
                dtrain_softmax_cross_entropy(inPlace.pointer, bias, n, at, 0.25, inPlace.pointer, nil),
            ]
            let expected = logSumExp(sums) - sums[target]
            for loss in losses { #expect(isClose(loss, expected, relative: 1e-6, absolute: 1e-5)) }
            #expect(bits(outOfPlace.elements) == bits(inPlace.elements))
            // Recomputes parts of the row from the logits.
            for first in Set([0, count / 3, count - 1]) {
                var part = Array(logits[first...])
                let bias = Array(bias[first...])
                dtrain_softmax_gradient(&part, bias, Int64(part.count), at - Int64(first), 0.25, softmax)
                #expect(bits(part) == bits(outOfPlace.elements[first...]))
            }
            for j in 0..<count {
                let derivative = 0.25 * (exp(sums[j] - logSumExp(sums)) - (j == target ? 1 : 0))
                #expect(isClose(Double(outOfPlace[j]), derivative, relative: 1e-4, absolute: 1e-7))
            }
        }
    }

    @Test func largeLogitsDoNotOverflow() {
        let logits: [Float] = [1e30, -1e30, 0]
        let zeros = [Float](repeating: 0, count: 3)
        #expect(dtrain_softmax_cross_entropy(logits, zeros, 3, 0, 1, nil, nil) == 0)
        #expect(dtrain_softmax_cross_entropy(logits, zeros, 3, 1, 1, nil, nil) == Double(Float(1e30)) * 2)
    }

    @Test(arguments: [0, 1, 3])
    func samplingWeightsAreExponentialsOfTheAllowedLogits(first: Int) {
        let (logits, bias) = (testNumbers(21, limit: 3, salt: 1), testNumbers(21, salt: 2))
        let sums = zip(logits, bias).map { Double($0) + Double($1) }
        let largest = sums[first...].max() ?? 0
        var weights = [Float](repeating: 9, count: 21)
        let total = dtrain_sampling_weights(logits, bias, 21, Int64(first), 1.5, &weights)
        for (j, weight) in weights.enumerated() {
            let expected = j < first ? 0 : exp((sums[j] - largest) * 1.5)
            #expect(isClose(Double(weight), expected, relative: 2e-6, absolute: 0))
        }
        #expect(isClose(Double(total), weights.reduce(0) { $0 + Double($1) }, relative: 1e-6, absolute: 0))
    }
}
