import DTrainCore
import Testing

@Suite struct CounterRandomTests {
    struct KnownAnswer: Sendable {
        let counter: [UInt32]
        let key: [UInt32]
        let words: [UInt32]
    }

    /// Random123's published vectors for philox4x32-10; the third uses digits of π.
    static let knownAnswers = [
        KnownAnswer(
            counter: [0, 0, 0, 0], key: [0, 0], words: [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
        KnownAnswer(
            counter: [.max, .max, .max, .max], key: [.max, .max],
            words: [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
        KnownAnswer(
            counter: [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], key: [0xa409_3822, 0x299f_31d0],
            words: [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]),
    ]

    @Test(arguments: knownAnswers)
    func philoxGivesThePublishedWords(_ known: KnownAnswer) {
        let counter = known.counter
        let block = Philox.block(
            counter: (counter[0], counter[1], counter[2], counter[3]), key: (known.key[0], known.key[1]))
        #expect([block.0, block.1, block.2, block.3] == known.words)
    }

    @Test func seedIndexAndPartAreLaidOutLeastSignificantFirst() {
        let words = CounterRandom(seed: 0x299f_31d0_a409_3822, purpose: .sampling).words(0x85a3_08d3_243f_6a88, 7)
        let block = Philox.block(
            counter: (0x243f_6a88, 0x85a3_08d3, 7, CounterRandom.Purpose.sampling.rawValue),
            key: (0xa409_3822, 0x299f_31d0))
        #expect(words == block)
    }

    @Test func everyCoordinateChangesTheWords() {
        let seeds: [UInt64] = [0, 1, 1 << 32]
        let indices: [UInt64] = [0, 1, 1 << 32]
        var seen: Set<[UInt32]> = []
        for seed in seeds {
            for purpose in CounterRandom.Purpose.allCases {
                let random = CounterRandom(seed: seed, purpose: purpose)
                for index in indices {
                    for part in [UInt32(0), 1] {
                        let words = random.words(index, part)
                        seen.insert([words.0, words.1, words.2, words.3])
                    }
                }
            }
        }
        #expect(seen.count == seeds.count * CounterRandom.Purpose.allCases.count * indices.count * 2)
    }

    @Test func uniformNumbersAreTheFirstWordsHigh24Bits() {
        let random = CounterRandom(seed: 42, purpose: .initialValues)
        for index in 0..<100 as Range<UInt64> {
            #expect(random.uniform(index, 3) == Float(random.words(index, 3).0 / 256) / 16_777_216)
        }
    }

    @Test func uniformNumbersHaveTheMomentsOfTheUniformDistribution() {
        let random = CounterRandom(seed: 1, purpose: .sampling)
        let count = 20_000
        let numbers = (0..<count).map { Double(random.uniform(UInt64($0))) }
        #expect(numbers.allSatisfy { $0 >= 0 && $0 < 1 })
        // Five standard errors of the two means, √(1/12n) and √(4/45n).
        let mean = numbers.reduce(0, +) / Double(count)
        let square = numbers.reduce(0) { $0 + $1 * $1 } / Double(count)
        #expect(abs(mean - 1.0 / 2) < 5 * (1 / (12 * Double(count))).squareRoot())
        #expect(abs(square - 1.0 / 3) < 5 * (4 / (45 * Double(count))).squareRoot())
    }
}
