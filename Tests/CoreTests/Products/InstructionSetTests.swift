import Testing

@testable import DTrainCore

@Suite struct InstructionSetTests {
    @Test(arguments: InstructionSet.allCases)
    func withoutALimitTheBestIsTaken(best: InstructionSet) throws {
        #expect(try InstructionSet.choice(limit: nil, best: best) == best)
        #expect(try InstructionSet.choice(limit: "", best: best) == best)
    }

    @Test(arguments: InstructionSet.allCases, InstructionSet.allCases)
    func limitIsTakenWhereTheCPUHasIt(limit: InstructionSet, best: InstructionSet) throws {
        let order = InstructionSet.allCases
        let isThere = try #require(order.firstIndex(of: limit)) <= #require(order.firstIndex(of: best))
        if isThere {
            #expect(try InstructionSet.choice(limit: limit.rawValue, best: best) == limit)
        } else {
            let error = #expect(throws: DTrainError.self) {
                try InstructionSet.choice(limit: limit.rawValue, best: best)
            }
            #expect(error?.category == .usage && error?.message.contains(limit.rawValue) == true)
            #expect(error?.hint?.contains(best.rawValue) == true)
        }
    }

    @Test func anotherNameIsRefusedWithThoseThatExist() {
        let error = #expect(throws: DTrainError.self) { try InstructionSet.choice(limit: "sse2") }
        #expect(error?.category == .usage && error?.hint?.contains("generic, avx2, avx512, avx512_bf16") == true)
    }
}
