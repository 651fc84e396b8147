import Testing

@testable import DTrainCore

@Suite struct ArithmeticTests {
    /// The arithmetics of each precision in ascending order.
    private static let arithmetics: [[Arithmetic]] = [
        [.fp32WithoutFMA, .fp32], [.roundedBF16WithoutFMA, .roundedBF16, .pairedBF16, .tiledBF16],
    ]

    @Test func ascendingOffersShareTheLowerOfTheirBestArithmetics() {
        #expect(Set(Self.arithmetics.joined()) == Set(Arithmetic.allCases))
        for arithmetics in Self.arithmetics {
            for first in arithmetics.indices {
                for second in arithmetics.indices {
                    let (lower, higher) = (Array(arithmetics[...first]), Array(arithmetics[...second]))
                    #expect(Arithmetic.common([lower, higher]) == arithmetics[min(first, second)])
                    #expect(Arithmetic.common([higher, lower, higher]) == arithmetics[min(first, second)])
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

    @Test func differentPrecisionsHaveNoCommonArithmetic() {
        #expect(Arithmetic.common([]) == nil)
        #expect(Arithmetic.common(Self.arithmetics) == nil)
    }

    @Test(arguments: Precision.allCases)
    func thisCPUOffersOnlySupportedArithmetics(precision: Precision) throws {
        let best = try Arithmetic.best(for: precision)
        #expect(best.precision == precision && best.isFused == InstructionSet.hasFusedMultiplyAdd)
        #expect(try best.operands.isSupported())
        #expect(throws: Never.self) { try best.operands.panelProducts() }
        let offers = try Arithmetic.offers(for: precision)
        #expect(offers == Arithmetic.allCases.filter(offers.contains) && offers.last == best)
        for arithmetic in offers { #expect(try arithmetic.precision == precision && arithmetic.operands.isSupported()) }
    }

    /// The names are stored in checkpoints, so they must not change.
    @Test func storedNamesDoNotChange() {
        #expect(
            Arithmetic.allCases.map(\.rawValue) == [
                "fp32 without fma", "fp32", "bf16 rounded without fma", "bf16 rounded", "bf16 vdpbf16ps",
                "bf16 tdpbf16ps",
            ])
    }
}
