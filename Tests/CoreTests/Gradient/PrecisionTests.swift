import Glibc
import Testing

@testable import DTrainCore

/// Gradients from bf16 products compared with float32 products.
@Suite struct PrecisionTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let cell: Cell
        let layers: Int
        let units: Int
        let sequenceLength: Int

        var testDescription: String { "\(layers) × \(cell) H=\(units), \(sequenceLength) time steps" }

        var model: ModelConfiguration {
            ModelConfiguration(cell: cell, layers: layers, embeddingDim: 16, rnnUnits: units, vocabularySize: 23)
        }

        /// The gradient and its layout, at weights that don't amplify errors.
        ///
        /// With the limit √3 / (2·√H), the norm of an H×H matrix of uniform numbers is about 1.
        func gradient(_ arithmetic: Arithmetic) throws -> (layout: ParameterLayout, values: [Float]) {
            let rankBatch = RankBatch(
                batchSize: 8, microBatchSize: 2, sequenceLength: sequenceLength, microBatches: 0..<4)
            let replica = try Replica(
                Replica.Configuration(
                    model: model, rankBatch: rankBatch, optimizer: Adam(),
                    arithmetic: arithmetic, threads: 2))
            let limit = Float(3).squareRoot() / (2 * Float(units).squareRoot())
            _ = replica.parameters.elements.update(from: testNumbers(replica.layout.count, limit: limit))
            let (count, vocabularySize) = (sequenceLength + 1, model.vocabularySize)
            try replica.computeGradient { sequence, ids in
                let text = testText(count, vocabularySize: vocabularySize, salt: UInt32(sequence))
                ids.update(from: text, count: count)
            }
            try replica.finishStep(learningRate: 0)
            return (replica.layout, Array(replica.gradient.flat().prefix(replica.layout.count)))
        }
    }

    /// The bf16 arithmetics available to this process.
    static let arithmetics: [Arithmetic] = [.roundedBF16, .pairedBF16, .tiledBF16].filter {
        (try? $0.operands.panelProducts()) != nil
    }

    static let cases = [
        Case(cell: .gru, layers: 1, units: 64, sequenceLength: 8),
        Case(cell: .gru, layers: 2, units: 130, sequenceLength: 8),
        Case(cell: .lstm, layers: 1, units: 64, sequenceLength: 8),
        Case(cell: .lstm, layers: 2, units: 130, sequenceLength: 8),
        Case(cell: .gru, layers: 1, units: 130, sequenceLength: 40),
    ]

    /// |found − expected| / |expected|, Euclidean.
    private func distance(_ found: ArraySlice<Float>, _ expected: ArraySlice<Float>) -> Double {
        let error = zip(found, expected).reduce(0) { $0 + pow(Double($1.0) - Double($1.1), 2) }
        return (error / expected.reduce(0) { $0 + Double($1) * Double($1) }).squareRoot()
    }

    /// The relative error of a product of rounded operands.
    ///
    /// Rounding to 8 bits has a relative error of at most 2⁻⁸, with a root mean square of
    /// 0.42 · 2⁻⁸. A product of two independently rounded numbers has 0.6 · 2⁻⁸. So has the norm of
    /// a matrix product with terms of random signs.
    private let product = 0.6 * 0x1p-8

    /// The error of a weight's gradient comes from at most 2·L·T + 3 products.
    ///
    /// These are 2·L·T with recurrent weights, two with dense ones (forward, backward) and one over
    /// the tokens. The sum of n independent errors that aren't amplified is √n times one.
    @Test(arguments: cases, arithmetics)
    func gradientErrorMatchesOperandRounding(_ test: Case, _ arithmetic: Arithmetic) throws {
        let (layout, expected) = try test.gradient(.fp32)
        let found = try test.gradient(arithmetic).values
        let bound = product * Double(2 * test.layers * test.sequenceLength + 3).squareRoot()
        for tensor in layout.tensors {
            let range = tensor.offset..<tensor.offset + tensor.count
            let error = distance(found[range], expected[range])
            #expect(error > 0 && error <= bound, "\(tensor.name)")
            // The last product's error isn't damped; in float32 the total would be about 2⁻²².
            if tensor.name.hasSuffix("recurrent_kernel") { #expect(error >= product / 2, "\(tensor.name)") }
        }
    }

    /// A window of one character has no recurrent product, so differences come from the dense layer.
    ///
    /// The gradient of the dense bias depends only on the logits, the others on one more product.
    @Test(arguments: arithmetics)
    func denseLayerOperandsAreRounded(_ arithmetic: Arithmetic) throws {
        let test = Case(cell: .gru, layers: 1, units: 64, sequenceLength: 1)
        let (layout, expected) = try test.gradient(.fp32)
        let found = try test.gradient(arithmetic).values
        for tensor in layout.tensors where !tensor.name.hasSuffix("recurrent_kernel") {
            let range = tensor.offset..<tensor.offset + tensor.count
            let error = distance(found[range], expected[range])
            #expect(error > 0x1p-20 && error <= product * 3.squareRoot(), "\(tensor.name)")
        }
    }
}
