import Glibc
import Testing

@testable import DTrainCore

/// Surprisals and memory curves compared with the reference model.
@Suite struct PredictionReaderTests: SmallModels {
    private func reader(_ layout: ParameterLayout, threads: Int = 1, values: [Float]? = nil) throws -> PredictionReader
    {
        try PredictionReader(layout: layout, parameters: buffer(values ?? self.values(layout)), threads: threads)
    }

    private func softmax(_ logits: [Double]) -> [Double] {
        let largest = logits.max() ?? 0
        let weights = logits.map { exp($0 - largest) }
        return weights.map { $0 / weights.reduce(0, +) }
    }

    @Test(arguments: Cell.allCases, [1, 2])
    func surprisalMatchesTheReferenceModel(cell: Cell, layers: Int) throws {
        let layout = layout(cell, layers: layers)
        let text = testText(40, vocabularySize: Self.vocabularySize)
        let values = testNumbers(layout.count, limit: 0.8)
        let losses = ReferenceModel(layout, values).losses(text)
        let found = try reader(layout, values: values).surprisals(of: text)
        #expect(found.map(\.id) == Array(text.dropFirst()))
        for (surprisal, loss) in zip(found, losses) {
            #expect(isClose(surprisal.bits, loss / M_LN2, relative: 1e-4, absolute: 1e-5))
        }
        #expect(try reader(layout, threads: 3, values: values).surprisals(of: text) == found)
    }

    @Test func alternativesAreTheMostProbableInOrder() throws {
        let layout = layout()
        var values = [Float](repeating: 0, count: layout.count)
        let logits: [Float] = [0, 3, 1, 3, -1, 2, 0, 0, 0]
        values.replaceSubrange(layout.denseBias..<layout.denseBias + logits.count, with: logits)
        let found = try reader(layout, values: values).surprisals(of: [2, 4], alternatives: 4)
        let expected = softmax(logits.map(Double.init))
        #expect(found.count == 1 && found[0].alternatives.map(\.id) == [1, 3, 5, 2])
        for alternative in found[0].alternatives {
            #expect(
                isClose(Double(alternative.probability), expected[Int(alternative.id)], relative: 1e-5, absolute: 0))
        }
        #expect(isClose(found[0].bits, -log2(expected[4]), relative: 1e-5, absolute: 0))
    }

    @Test func aTextWithoutPredictionsIsRejected() throws {
        let reader = try reader(layout())
        _ = try requireError(.badData) { _ = try reader.surprisals(of: [1]) }
    }

    @Test func overflowingLogitsAreRejected() throws {
        let layout = layout()
        var values = [Float](repeating: 0, count: layout.count)
        for id in 0..<Self.vocabularySize { values[layout.denseBias + id] = id == 0 ? .infinity : 0 }
        let reader = try reader(layout, values: values)
        let error = try requireError(.badData) { _ = try reader.surprisals(of: [1, 2, 3]) }
        #expect(error.message.contains("overflow"))
    }

    /// Runs the reference model on the original and the changed text of each position.
    @Test(arguments: Cell.allCases)
    func memoryCurveMatchesTheReferencesDivergence(cell: Cell) throws {
        let layout = layout(cell)
        // In a text of two different characters, the replacement of each is known.
        let text = testText(32, vocabularySize: 2).map { $0 + 1 }
        let curve = try #require(try reader(layout).memoryCurve(of: text, seed: 1))
        #expect(curve.context == 8 && curve.points.map(\.distance) == Array(1...16) && curve.places == 8)
        let reference = ReferenceModel(layout, values(layout))
        func predictions(_ ids: [UInt16]) -> [[Double]] {
            var state = reference.zeroState
            return ids.map { softmax(reference.advance($0, &state)) }
        }
        let all = (0..<8).map { number -> [Double] in
            let original = Array(text[number..<number + 24])
            var changed = original
            changed[8] = 3 - changed[8]
            return zip(predictions(original), predictions(changed)).dropFirst(8).map { p, q in
                zip(p, q).reduce(0) { $0 + $1.0 * log2($1.0 / $1.1) }
            }
        }
        for (index, point) in curve.points.enumerated() {
            let values = all.map { $0[index] }.sorted()
            #expect(isClose(point.mean, values.reduce(0, +) / 8, relative: 1e-3, absolute: 1e-6), "\(point)")
            #expect(isClose(point.median, (values[3] + values[4]) / 2, relative: 1e-3, absolute: 1e-6), "\(point)")
        }
        let threads = try reader(layout, threads: 3).memoryCurve(of: text, seed: 1)
        #expect(threads == curve)
    }

    @Test func memoryWithoutRecurrentWeightsEndsAfterOneCharacter() throws {
        let layout = layout(.simpleRNN)
        var values = values(layout)
        // Without recurrent weights only the last character has an effect.
        for tensor in layout.tensors where tensor.name.hasSuffix("recurrent_kernel") {
            for index in tensor.offset..<tensor.offset + tensor.count { values[index] = 0 }
        }
        let text = testText(200, vocabularySize: Self.vocabularySize)
        let curve = try #require(try reader(layout, values: values).memoryCurve(of: text, seed: 1))
        #expect(curve.points[0].mean > 0.01)
        #expect(curve.points.dropFirst().allSatisfy { $0.mean < 1e-9 })
        #expect(curve.reach(0.01) == 1 && curve.reach(1e9) == nil)
    }

    @Test(arguments: [[UInt16](repeating: 1, count: 100), [1, 2, 3, 4, 5]])
    func repetitiveOrShortTextsHaveNoMemoryCurve(text: [UInt16]) throws {
        #expect(try reader(layout()).memoryCurve(of: text, seed: 1) == nil)
    }
}
