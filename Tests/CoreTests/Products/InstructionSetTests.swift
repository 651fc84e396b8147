import Testing

@testable import DTrainCore

@Suite struct InstructionSetTests {
    /// The instruction sets of CPUs in ascending order.
    private static let sets: [InstructionSet] = [.generic, .avx2, .avx512, .avx512BF16, .amx]

    @Test(arguments: sets)
    func theBestSetIsChosenWithoutALimit(best: InstructionSet) throws {
        #expect(try InstructionSet.choice(limit: nil, best: best) == best)
        #expect(try InstructionSet.choice(limit: "", best: best) == best)
    }

    @Test(arguments: sets, sets)
    func theLimitIsChosenIfTheCPUSupportsIt(limit: InstructionSet, best: InstructionSet) throws {
        let order = Self.sets
        let isSupported = try #require(order.firstIndex(of: limit)) <= #require(order.firstIndex(of: best))
        if isSupported {
            #expect(try InstructionSet.choice(limit: limit.rawValue, best: best) == limit)
        } else {
            let error = #expect(throws: DTrainError.self) {
                try InstructionSet.choice(limit: limit.rawValue, best: best)
            }
            #expect(error?.category == .usage && error?.message.contains(limit.rawValue) == true)
            #expect(error?.hint?.contains(best.rawValue) == true)
        }
    }

    @Test(arguments: sets)
    func theEmulationCanBeChosenOnEveryCPUButOnlyByName(best: InstructionSet) throws {
        #expect(try InstructionSet.choice(limit: "amx-emulated", best: best) == .amxEmulated)
        #expect(!best.includes(.amxEmulated) && InstructionSet.amxEmulated.includes(.best))
        #expect(!InstructionSet.available.contains(.amxEmulated) && InstructionSet.best != .amxEmulated)
        #expect(Set(InstructionSet.allCases) == Set(Self.sets + [.amxEmulated]))
    }

    @Test func theErrorSaysWhetherTheKernelOrTheCPULacksAMX() {
        for (refuses, part) in [(true, "the kernel refuses AMX"), (false, "this CPU has avx512_bf16 at most")] {
            let error = #expect(throws: DTrainError.self) {
                try InstructionSet.choice(limit: "amx", best: .avx512BF16, refusesAMX: refuses)
            }
            #expect(error?.message.contains(part) == true && error?.hint?.contains("avx512_bf16") == true)
        }
    }

    @Test func unknownNamesAreRejectedWithAListOfValidOnes() {
        let error = #expect(throws: DTrainError.self) { try InstructionSet.choice(limit: "sse2") }
        #expect(
            error?.category == .usage
                && error?.hint?.contains("generic, avx2, avx512, avx512_bf16, amx, amx-emulated") == true)
    }
}
