import CKernels
import Testing

@testable import DTrainCore

/// Dropout masks against the scalar Philox, and the rate of kept units.
@Suite struct DropoutMaskTests {
    /// Whether a unit is kept, by definition.
    static func isKept(
        key: Philox.Block, sequence: Int, time: Int, unit: Int, threshold: UInt32
    ) -> Bool {
        let (half, lane) = (unit % 128 / 16, unit % 16)
        let block = Philox.block(
            counter: (UInt32(unit / 128 * 16 + lane), UInt32(sequence), UInt32(time), 0), key: (key.0, key.1))
        let word = [block.0, block.1, block.2, block.3][half / 2]
        return (half % 2 == 0 ? word & 0xffff : word >> 16) >= threshold
    }

    @Test(arguments: [1, 15, 16, 17, 127, 128, 129, 300])
    func masksMatchTheScalarPhilox(units: Int) {
        let key = CounterRandom(seed: 7, purpose: .dropout).words(3, 5)
        for (sequence, time, threshold) in [(0, 0, 1), (5, 99, 20_000), (70_000, 3, 32_768), (2, 1, 65_535)] {
            // One guard byte after the mask.
            var mask = [UInt8](repeating: 9, count: units + 1)
            dtrain_dropout_mask(
                key.0, key.1, UInt32(sequence), UInt32(time), UInt32(threshold), Int64(units), &mask)
            let expected = (0..<units).map {
                Self.isKept(key: key, sequence: sequence, time: time, unit: $0, threshold: UInt32(threshold))
                    ? UInt8(1) : 0
            }
            #expect(mask == expected + [9])
        }
    }

    @Test(arguments: [1, 7, 16, 33])
    func keptUnitsAreScaledAndDroppedOnesAreZero(count: Int) {
        let (values, sums) = (testNumbers(count, salt: 1), testNumbers(count, salt: 2))
        let mask = (0..<count).map { UInt8($0 % 3 == 0 ? 0 : 1) }
        var (kept, sum) = ([Float](repeating: .nan, count: count), sums)
        dtrain_dropout(Int64(count), mask, 1.25, values, &kept)
        dtrain_dropout_add(Int64(count), mask, 1.25, values, &sum)
        let expected = zip(values, mask).map { $1 == 1 ? $0 * 1.25 : 0 }
        #expect(bits(kept) == bits(expected))
        #expect(bits(sum) == bits(zip(sums, expected).map(+)))
        // A dropped unit is zero, even if its value isn't finite.
        var dropped: [Float] = [0]
        dtrain_dropout(1, [0], 2, [.infinity], &dropped)
        #expect(dropped == [0])
    }

    private func masks(_ step: Int, seed: UInt64 = 1, _ probability: Double = 0.3) throws -> DropoutMasks {
        let model = ModelConfiguration(cell: .gru, layers: 2, embeddingDim: 3, rnnUnits: 200, vocabularySize: 5)
        let batch = RankBatch(batchSize: 40, microBatchSize: 8, sequenceLength: 25, microBatches: 0..<5)
        let dropout = Dropout(inputs: probability, recurrent: probability)
        let masks = try DropoutMasks(DropoutMasks.Use(dropout), model, rankBatch: batch, seed: seed)
        try masks.fill(dropout, step: step, on: WorkerPool(count: 3))
        return masks
    }

    private func bytes(_ masks: DropoutMasks, layer: Int) throws -> [UInt8] {
        let mask = try #require(masks.layer(layer).output)
        return Array(UnsafeBufferPointer(start: mask.bytes, count: 40 * 25 * 200))
    }

    /// Of n units, n·p are dropped, within five standard deviations √(n·p·(1 − p)).
    ///
    /// The factors have mean 1 and variance p/(1 − p).
    @Test(arguments: [0.1, 0.3, 0.5, 0.9])
    func maskStatisticsMatchTheProbability(probability: Double) throws {
        let masks = try masks(4, probability)
        let scale = Double(try #require(masks.layer(1).output).scale)
        #expect(isClose(scale, 1 / (1 - probability), relative: 1e-3, absolute: 0))
        let bytes = try bytes(masks, layer: 1)
        let count = Double(bytes.count)
        let kept = Double(bytes.count { $0 == 1 })
        let deviation = (count * probability * (1 - probability)).squareRoot()
        #expect(abs(kept - count * (1 - probability)) < 5 * deviation)
        let mean = kept * scale / count
        let variance = kept * scale * scale / count - mean * mean
        #expect(abs(mean - 1) < 5 * deviation * scale / count)
        #expect(isClose(variance, probability / (1 - probability), relative: 0.05, absolute: 0))
    }

    /// Two independent masks agree in a fraction p² + (1 − p)² of the units.
    @Test func masksDifferBetweenStepsLayersSeedsAndTokens() throws {
        let own = try bytes(masks(4), layer: 0)
        var others = [
            try bytes(masks(5), layer: 0), try bytes(masks(4), layer: 1), try bytes(masks(4, seed: 2), layer: 0),
        ]
        for shift in [200, 200 * 8, 200 * 25 * 8] { others.append(Array(own[shift...] + own[..<shift])) }
        for other in others {
            let agreement = Double(zip(own, other).count(where: ==)) / Double(own.count)
            #expect(isClose(agreement, 0.58, relative: 0.02, absolute: 0))
        }
        #expect(try bytes(masks(4), layer: 0) == own)
    }

    @Test func probabilitiesBelowTheResolutionDropNothing() {
        #expect(!DropoutMasks.Use(Dropout(inputs: 1e-6, recurrent: 0)).isAny)
        #expect(DropoutMasks.Use(Dropout(inputs: 0, recurrent: 1e-4)) == DropoutMasks.Use(Dropout(recurrent: 0.5)))
        #expect(DropoutMasks.Rate(0.999_999_9).scale.isFinite && DropoutMasks.Rate(0.25).scale == 4 / 3)
    }
}
