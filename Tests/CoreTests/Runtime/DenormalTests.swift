import Synchronization
import Testing

@testable import DTrainCore

@Suite struct DenormalTests {
    /// A product of normal numbers with a denormal result, and a product of a denormal and a large
    /// number.
    @inline(never) private func products(_ small: Float, _ denormal: Float) -> (Float, Float) {
        (small * small, denormal * 0x1p30)
    }

    private var values: (Float, Float) { products(0x1p-70, 0x1p-140) }

    @Test func denormalsAreFlushedOnlyInsideTheClosure() throws {
        #expect(values == (0x1p-140, 0x1p-110))
        withFlushedDenormals { #expect(values == (0, 0)) }
        #expect(values == (0x1p-140, 0x1p-110))
        struct Failure: Error {}
        #expect(throws: Failure.self) { try withFlushedDenormals { throw Failure() } }
        #expect(values == (0x1p-140, 0x1p-110))
    }

    @Test(arguments: [1, 3])
    func denormalsAreFlushedInAllWorkers(workers: Int) throws {
        let zeros = Atomic(0)
        try WorkerPool(count: workers).run { _ in
            if values == (0, 0) { zeros.add(1, ordering: .relaxed) }
        }
        #expect(zeros.load(ordering: .relaxed) == workers)
        #expect(values == (0x1p-140, 0x1p-110))
    }
}
