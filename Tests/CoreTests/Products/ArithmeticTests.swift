import Testing

@testable import DTrainCore

@Suite struct ArithmeticTests {
    /// The arithmetics of each precision in ascending order.
    private static let ways: [[Arithmetic]] = [
        [.fp32WithoutFMA, .fp32], [.roundedBF16WithoutFMA, .roundedBF16, .pairedBF16, .tiledBF16],
    ]

    @Test func theCommonArithmeticIsTheLeastOfAscendingOffers() {
        #expect(Set(Self.ways.joined()) == Set(Arithmetic.allCases))
        for ways in Self.ways {
            for first in ways.indices {
                for second in ways.indices {
                    let (lower, higher) = (Array(ways[...first]), Array(ways[...second]))
                    #expect(Arithmetic.common([lower, higher]) == ways[min(first, second)])
                    #expect(Arithmetic.common([higher, lower, higher]) == ways[min(first, second)])
                }
            }
        }
    }

    /// An emulation offers tiles on a CPU without pairs.
    @Test func theCommonArithmeticIsInAllOffers() {
        #expect(
            Arithmetic.common([[.roundedBF16, .tiledBF16], [.roundedBF16, .pairedBF16, .tiledBF16]]) == .tiledBF16)
        #expect(Arithmetic.common([[.roundedBF16, .tiledBF16], [.roundedBF16, .pairedBF16]]) == .roundedBF16)
        #expect(
            Arithmetic.common([[.roundedBF16, .pairedBF16, .tiledBF16], [.roundedBF16, .pairedBF16]]) == .pairedBF16)
    }

    @Test func precisionsHaveNothingInCommon() {
        #expect(Arithmetic.common([]) == nil)
        #expect(Arithmetic.common(Self.ways) == nil)
    }

    @Test(arguments: Precision.allCases)
    func thisCPUOffersAWayThatItHas(precision: Precision) throws {
        let best = try Arithmetic.best(for: precision)
        #expect(best.precision == precision && best.isFused == InstructionSet.hasFusedMultiplyAdd)
        #expect(try best.operands.isSupported())
        #expect(throws: Never.self) { try best.operands.panelProducts() }
        let offers = try Arithmetic.offers(for: precision)
        #expect(offers == Arithmetic.allCases.filter(offers.contains) && offers.last == best)
        for way in offers { #expect(try way.precision == precision && way.operands.isSupported()) }
    }

    /// The names are stored in checkpoints, so they must not change.
    @Test func namesStay() {
        #expect(
            Arithmetic.allCases.map(\.rawValue) == [
                "fp32 without fma", "fp32", "bf16 rounded without fma", "bf16 rounded", "bf16 vdpbf16ps",
                "bf16 tdpbf16ps",
            ])
    }
}
