import CKernels
import Testing

@testable import DTrainCore

/// Blocked orthonormalization against the same sums over whole matrices, row by row on one thread.
@Suite struct OrthonormalRowsTests {
    /// L⁻¹ of a symmetric positive definite matrix A[n, n] = L·Lᵀ, with zeros right of the diagonal.
    private func inverseFactor(_ a: UnsafeMutablePointer<Float>, _ n: Int) {
        for i in 0..<n {
            let row = a + i * n
            for j in 0..<i { row[j] = (row[j] - dtrain_dot(Int64(j), row, a + j * n)) / a[j * n + j] }
            row[i] = (row[i] - dtrain_dot(Int64(i), row, row)).squareRoot()
        }
        for i in 0..<n {
            let row = a + i * n
            let factors = Array(UnsafeBufferPointer(start: row, count: i + 1))
            row.update(repeating: 0, count: n)
            for j in 0..<i { dtrain_axpy(Int64(j + 1), -factors[j], a + j * n, row) }
            row[i] = 1
            for j in 0...i { row[j] /= factors[i] }
        }
    }

    /// L⁻¹ · A with A·Aᵀ = L·Lᵀ.
    private func expected(_ matrix: AlignedBuffer<Float>, rows: Int, columns: Int) throws -> [UInt32] {
        let gram = try AlignedBuffer<Float>(count: rows * rows)
        let result = try AlignedBuffer<Float>(count: rows * columns)
        try PlainProduct(rows: rows, columns: rows, depth: columns, b: .transposed())(
            matrix.pointer, matrix.pointer, gram.pointer)
        inverseFactor(gram.pointer, rows)
        try PlainProduct(rows: rows, columns: columns, depth: rows)(gram.pointer, matrix.pointer, result.pointer)
        return bits(result.elements)
    }

    /// Shapes from a single element to several full and partial blocks of rows and columns.
    @Test(
        arguments: [(1, 3), (7, 21), (64, 192), (65, 131), (128, 256), (130, 390), (200, 600), (300, 601)], [1, 2, 3])
    func blocksGiveTheBitsOfTheWholeMatrix(_ size: (rows: Int, columns: Int), threads: Int) throws {
        let (rows, columns) = size
        let offset = 5
        let numbers = testNumbers(rows * columns, salt: 3)
        let matrix = try buffer([Float](repeating: 7, count: offset) + numbers + [7])
        try OrthonormalRows(
            buffer: matrix, offset: offset, rows: rows, columns: columns, pool: WorkerPool(count: threads),
            heartbeat: nil
        ).compute()
        let found = bits(matrix.elements)
        #expect(try Array(found[offset..<found.count - 1]) == expected(buffer(numbers), rows: rows, columns: columns))
        #expect(matrix.elements.prefix(offset).allSatisfy { $0 == 7 } && matrix.elements.last == 7)
    }
}
