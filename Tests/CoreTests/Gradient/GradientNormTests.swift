import CKernels
import Testing

@testable import DTrainCore

@Suite struct GradientNormTests {
    @Test(arguments: [0, 1, 31, 32, 33, 1000])
    func squaredNormIsTheSumOfSquares(count: Int) {
        let values = testNumbers(count)
        let expected = values.reduce(0.0) { $0 + Double($1) * Double($1) }
        #expect(abs(dtrain_squared_norm(Int64(count), values) - expected) <= 1e-13 * expected)
    }

    @Test func hugeElementsDoNotOverflow() {
        let values = [Float](repeating: .greatestFiniteMagnitude, count: 100)
        let expected = 100 * Double(Float.greatestFiniteMagnitude) * Double(Float.greatestFiniteMagnitude)
        #expect(abs(dtrain_squared_norm(100, values) / expected - 1) < 1e-14)
    }

    @Test(arguments: [Float.infinity, -.infinity, .nan], [0, 31, 32, 95, 98])
    func aNonFiniteElementGivesANonFiniteNorm(value: Float, index: Int) {
        var values = testNumbers(99)
        values[index] = value
        #expect(!dtrain_squared_norm(99, values).isFinite)
    }

    private static let test = ReproducibilityTests.Case(
        cell: .lstm, layers: 2, units: 130, batchSize: 7, microBatchSize: 2)

    private static let learningRate = 0.01

    /// A replica before its first Adam step.
    private func replica(threads: Int = 1) throws -> Replica {
        let replica = try Self.test.replica(0..<Self.test.microBatches, threads: threads)
        try replica.computeGradient(Self.test.reader(step: 0))
        return replica
    }

    private func norm(_ values: some Sequence<Float>) -> Double {
        values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    }

    @Test func normCoversTheGradientsOfAllParameters() throws {
        let replica = try replica()
        let value = try replica.finishStep(learningRate: Self.learningRate)
        let expected = norm(replica.gradient.flat().prefix(replica.layout.count))
        #expect(abs(value / expected - 1) < 1e-12)
    }

    @Test func threadsDoNotChangeTheBitsOfTheNorm() throws {
        let norms = try [1, 2, 3].map {
            try replica(threads: $0).finishStep(learningRate: Self.learningRate, clipNorm: 1e-3)
        }
        #expect(Set(norms.map(\.bitPattern)).count == 1)
    }

    /// After one step m = (1 − β1) · g, so the norm of m gives that of the clipped gradient.
    @Test func aGradientAboveTheLimitIsClippedToIt() throws {
        let limit = 0.25 * (try replica().finishStep(learningRate: Self.learningRate))
        let replica = try replica()
        #expect(try replica.finishStep(learningRate: Self.learningRate, clipNorm: limit) == 4 * limit)
        #expect(abs(norm(replica.optimizerState.slots[0].elements) / (0.1 * limit) - 1) < 1e-5)
    }

    @Test func aGradientWithinTheLimitIsUnchanged() throws {
        let (plain, limited) = (try replica(), try replica())
        let value = try plain.finishStep(learningRate: Self.learningRate)
        #expect(try limited.finishStep(learningRate: Self.learningRate, clipNorm: value) == value)
        #expect(bits(limited.parameters.elements) == bits(plain.parameters.elements))
    }

    @Test(arguments: [Float.infinity, .nan])
    func aNonFiniteGradientChangesNoState(value: Float) throws {
        let replica = try replica()
        let before = bits(replica.parameters.elements)
        replica.gradient.corrupt(replica.layout.denseBias, value)
        #expect(try !replica.finishStep(learningRate: Self.learningRate, clipNorm: 1).isFinite)
        #expect(bits(replica.parameters.elements) == before)
        #expect(replica.optimizerState.steps == 0)
        #expect(replica.optimizerState.slots.count == 2)
        #expect(replica.optimizerState.slots.allSatisfy { $0.elements.allSatisfy { $0 == 0 } })
    }

    @Test func nonFiniteSumsInTheNodesAreNamed() throws {
        let replica = try replica()
        let gradient = replica.gradient
        #expect(replica.nonFiniteInNodes() == nil)
        gradient.corrupt(gradient.layout.table.lowerBound, .nan)
        #expect(replica.nonFiniteInNodes() == "the gradient of embedding.embeddings")
        gradient.corrupt(replica.layout.denseBias, .infinity)
        #expect(replica.nonFiniteInNodes() == "the gradient of dense.bias")
        gradient.corrupt(gradient.layout.loss, .nan)
        #expect(replica.nonFiniteInNodes() == "the loss and the gradient of dense.bias")
    }

    @Test func aRanksSecondNodeIsChecked() throws {
        let test = ReproducibilityTests.Case(cell: .gru, layers: 1, units: 130, batchSize: 3, microBatchSize: 1)
        let replica = try test.replica(1..<3, threads: 1, ranks: 2)
        let gradient = replica.gradient
        #expect(gradient.nodeCount == 2 && replica.nonFiniteInNodes() == nil)
        let blocks = gradient.blocks
        let part = blocks.part(of: blocks.lossSegment.block, rank: 1)
        try #require(part.contains(blocks.loss))
        gradient.sums[blocks.offset(of: part, node: 1, nodes: 2) + blocks.loss - part.lowerBound] = .nan
        #expect(replica.nonFiniteInNodes() == "the loss")
    }
}

extension GradientSums {
    /// Writes a value into the sum of a matrix's first element.
    fileprivate func corrupt(_ offset: Int, _ value: Float) {
        for place in blocks.places where place.matrix.offset == offset { sums[place.start] = value }
    }
}
