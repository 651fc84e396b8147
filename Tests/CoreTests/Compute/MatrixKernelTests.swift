import CKernels
import Testing

@testable import Core

@Suite struct MatrixKernelTests {
    @Test(arguments: [(1, 1), (16, 16), (3, 40), (40, 3), (17, 33), (48, 32)], [0, 5])
    func transposeTurnsRowsIntoColumns(_ shape: (rows: Int, columns: Int), gap: Int) throws {
        let (rows, columns) = shape
        let matrix = testNumbers(rows * columns)
        let stride = rows + gap
        let transposed = try AlignedBuffer<Float>(count: columns * stride)
        transposed.elements.update(repeating: 9)
        dtrain_transpose(Int64(rows), Int64(columns), matrix, Int64(stride), transposed.pointer)
        for j in 0..<columns {
            for i in 0..<stride {
                #expect(transposed[j * stride + i] == (i < rows ? matrix[i * columns + j] : 9))
            }
        }
    }

    @Test(arguments: [1, 15, 16, 33, 257])
    func vectorsAreAddedElementByElement(count: Int) {
        let (a, b) = (testNumbers(count, salt: 1), testNumbers(count, salt: 2))
        var sum = a
        dtrain_add(Int64(count), b, &sum)
        #expect(sum == zip(a, b).map { $0 + $1 })
        var scaled = a
        dtrain_axpy(Int64(count), -2, b, &scaled)
        // Doubling is exact, so this holds with and without a fused multiply-add.
        #expect(scaled == zip(a, b).map { $0 - 2 * $1 })
    }

    @Test(arguments: [0, 1, 31, 32, 33, 500])
    func dotProductIsTheNaiveOne(count: Int) {
        let (a, b) = (testNumbers(count, salt: 1), testNumbers(count, salt: 2))
        let expected = zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        #expect(isClose(Double(dtrain_dot(Int64(count), a, b)), expected, relative: 0, absolute: 4e-6))
    }

    @Test(arguments: [(0, 3), (1, 1), (7, 5), (31, 129)])
    func columnSumsAddTheRowsInOrder(_ shape: (rows: Int, columns: Int)) {
        let matrix = testNumbers(shape.rows * shape.columns)
        var sums = testNumbers(shape.columns, salt: 9)
        var expected = sums
        for row in 0..<shape.rows {
            for j in 0..<shape.columns { expected[j] += matrix[row * shape.columns + j] }
        }
        dtrain_column_sums(Int64(shape.rows), Int64(shape.columns), matrix, &sums)
        #expect(bits(sums) == bits(expected))
    }

    @Test(arguments: [1, 5, 129])
    func scatteredRowsAreAddedToTheirIdsInOrder(columns: Int) {
        let ids = testText(40, vocabularySize: 6)
        let matrix = testNumbers(ids.count * columns)
        var table = testNumbers(6 * columns, salt: 9)
        var expected = table
        for (row, id) in ids.enumerated() {
            for j in 0..<columns { expected[Int(id) * columns + j] += matrix[row * columns + j] }
        }
        dtrain_scatter_add(Int64(ids.count), Int64(columns), matrix, ids, &table)
        #expect(bits(table) == bits(expected))
    }
}
