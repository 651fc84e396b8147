import Glibc
import Testing

@testable import DTrainCore

@Suite struct LazyTableTests {
    private static let layout = ParameterLayout(
        ModelConfiguration(embeddingDim: 33, rnnUnits: 100, vocabularySize: 300))

    private let parameters: AlignedBuffer<Float>

    init() throws { parameters = try buffer(testNumbers(Self.layout.count)) }

    private func lazyTable() throws -> LazyTable {
        let columns = 3 * Self.layout.configuration.rnnUnits
        let kernel = try PackedMatrix(
            depth: Self.layout.configuration.embeddingDim, columns: columns, source: .rows,
            products: OperandFormat.fp32.weightProducts())
        kernel.pack(parameters.pointer + Self.layout.recurrent[0].kernel)
        return try LazyTable(Self.layout, parameters: parameters.pointer, kernel: kernel)
    }

    /// Eight workers fill the rows concurrently in different orders.
    @Test func rowsHaveTheBitsOfTheTrainingTable() throws {
        let vocabularySize = Self.layout.configuration.vocabularySize
        let characters = try BatchCharacters(
            vocabularySize: vocabularySize, batchSize: 1, sequenceLength: vocabularySize)
        (0..<UInt16(vocabularySize)).map { $0 }.withUnsafeBufferPointer(characters.insert)
        try characters.number()
        let expected = try InputTable(
            Self.layout, parameters: parameters.pointer, characters: characters, workers: 1, host: nil)
        for task in 0..<expected.taskCount { expected.run(task: task, worker: 0) }
        let table = try lazyTable()
        let pool = try WorkerPool(count: 8)
        try pool.run { worker in
            let product = try table.product()
            for index in 0..<vocabularySize {
                let id = index * (worker % 2 == 0 ? 1 : 7) % vocabularySize
                table.fill(id, with: product)
                // The row is complete on return.
                let (row, own) = (table.values.pointer + id * 300, expected.values.pointer + id * 300)
                if memcmp(row, own, 300 * MemoryLayout<Float>.stride) != 0 {
                    throw DTrainError(.internal, "row \(id) differs")
                }
            }
        }
    }

    @Test func unfilledRowsTakeNoMemory() throws {
        let table = try AlignedBuffer<Float>(count: 1 << 24, isSparse: true)
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        for row in [5, 9000] { (table.pointer + row * 1000).update(repeating: 1, count: 1000) }
        var pages = [UInt8](repeating: 0, count: table.count * MemoryLayout<Float>.stride / page)
        try #require(mincore(table.pointer, pages.count * page, &pages) == 0)
        #expect((2...4).contains(pages.count { $0 & 1 != 0 }))
    }
}
