import Testing

@testable import DTrainCore

@Suite struct ArithmeticTests {
    /// Each precision's ways in ascending order.
    private static let ways: [[Arithmetic]] = [
        [.fp32WithoutFMA, .fp32], [.roundedBF16WithoutFMA, .roundedBF16, .pairedBF16],
    ]

    @Test func theCommonArithmeticIsTheLeast() {
        #expect(Set(Self.ways.joined()) == Set(Arithmetic.allCases))
        for ways in Self.ways {
            for (first, a) in ways.enumerated() {
                for (second, b) in ways.enumerated() {
                    #expect(Arithmetic.common([a, b]) == ways[min(first, second)])
                    #expect(Arithmetic.common([b, a, b]) == ways[min(first, second)])
                }
            }
        }
    }

    @Test func precisionsHaveNothingInCommon() {
        #expect(Arithmetic.common([]) == nil)
        for a in Self.ways[0] {
            for b in Self.ways[1] { #expect(Arithmetic.common([a, b]) == nil) }
        }
    }

    @Test(arguments: Precision.allCases)
    func thisCPUOffersAWayThatItHas(precision: Precision) throws {
        let best = try Arithmetic.best(for: precision)
        #expect(best.precision == precision && best.isFused == InstructionSet.hasFusedMultiplyAdd)
        #expect(try best.operands.isSupported())
        #expect(throws: Never.self) { try best.operands.panelProducts() }
    }

    /// Checkpoints keep the names.
    @Test func namesStay() {
        #expect(
            Arithmetic.allCases.map(\.rawValue) == [
                "fp32 without fma", "fp32", "bf16 rounded without fma", "bf16 rounded", "bf16 vdpbf16ps",
            ])
    }
}
