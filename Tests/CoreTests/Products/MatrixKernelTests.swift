import CKernels
import Testing

@testable import DTrainCore

@Suite struct MatrixKernelTests {
    /// State i of unit j is stored in unit group j / 12 at row i, column j % 12.
    @Test(arguments: [(1, 1), (20, 12), (17, 30), (33, 100)])
    func packedStatesAreGroupsOfUnits(_ shape: (states: Int, units: Int)) {
        let (states, units) = shape
        let size = DTRAIN_STATE_GROUP
        let matrix = testNumbers(states * units)
        let groups = units.groups(of: size)
        var floats = [Float](repeating: 9, count: groups * states * size)
        dtrain_pack_states(Int64(states), Int64(units), matrix, &floats)
        let pairs = states.groups(of: 2)
        var rounded = [UInt32](repeating: 0, count: groups * pairs * size)
        dtrain_pack_states_bf16_pairs(Int64(states), Int64(units), matrix, &rounded)
        var expected = [UInt32](repeating: 0, count: rounded.count)
        for i in 0..<states {
            for j in 0..<units {
                #expect(floats[(j / size * states + i) * size + j % size] == matrix[i * units + j])
                expected[(j / size * pairs + i / 2) * size + j % size] |=
                    self.rounded(matrix[i * units + j]) << (i % 2 * 16)
            }
        }
        #expect(rounded == expected)
    }

    /// The size of a block of packed weights, in words.
    private let block = DTRAIN_BLOCK_STEPS * DTRAIN_BLOCK_COLUMNS

    /// Element (i, j) is stored in column block j / 64 at row pair i / 2, column j % 64.
    ///
    /// The lower half of a word has the even row.
    @Test(arguments: [(1, 1), (32, 64), (33, 64), (31, 65), (70, 128), (8, 130)])
    func bf16PairsArePackedInColumnBlocks(_ shape: (rows: Int, columns: Int)) throws {
        let (rows, columns) = shape
        let matrix = testNumbers(rows * columns)
        let blocks = rows.groups(of: 2 * DTRAIN_BLOCK_STEPS)
        let count = columns.groups(of: DTRAIN_BLOCK_COLUMNS) * blocks * block
        var packed = [UInt32](repeating: .max, count: count)
        dtrain_pack_bf16_pairs(Int64(rows), Int64(columns), matrix, Int64(columns), &packed)
        var expected = [UInt32](repeating: 0, count: count)
        for i in 0..<rows {
            for j in 0..<columns {
                expected[place(step: i / 2, column: j, blocks)] |= rounded(matrix[i * columns + j]) << (i % 2 * 16)
            }
        }
        #expect(packed == expected)
        var packedFromTransposed = [UInt32](repeating: .max, count: count)
        dtrain_pack_transposed_bf16_pairs(
            Int64(rows), Int64(columns), transposed(matrix, shape), Int64(rows), &packedFromTransposed)
        #expect(packedFromTransposed == expected)
    }

    /// Element (i, j) is stored in column block j / 64 at row i, column j % 64.
    @Test(arguments: [(1, 1), (16, 64), (17, 64), (15, 65), (70, 128), (8, 130)])
    func rowsArePackedInColumnBlocks(_ shape: (rows: Int, columns: Int)) throws {
        let (rows, columns) = shape
        let matrix = testNumbers(rows * columns)
        let blocks = rows.groups(of: DTRAIN_BLOCK_STEPS)
        let count = columns.groups(of: DTRAIN_BLOCK_COLUMNS) * blocks * block
        var packed = [Float](repeating: .nan, count: count)
        dtrain_pack(Int64(rows), Int64(columns), matrix, Int64(columns), &packed)
        var expected = [Float](repeating: 0, count: count)
        for i in 0..<rows {
            for j in 0..<columns { expected[place(step: i, column: j, blocks)] = matrix[i * columns + j] }
        }
        #expect(packed == expected)
        var packedFromTransposed = [Float](repeating: .nan, count: count)
        dtrain_pack_transposed(
            Int64(rows), Int64(columns), transposed(matrix, shape), Int64(rows), &packedFromTransposed)
        #expect(packedFromTransposed == expected)
    }

    /// The index of an element in packed weights with the given number of blocks per column block.
    private func place(step: Int, column: Int, _ blocks: Int) -> Int {
        let size = DTRAIN_BLOCK_COLUMNS
        return column / size * blocks * block + step * size + column % size
    }

    private func transposed(_ matrix: [Float], _ shape: (rows: Int, columns: Int)) -> [Float] {
        (0..<matrix.count).map { matrix[$0 % shape.rows * shape.columns + $0 / shape.rows] }
    }

    /// The nearest bf16, ties to even, computed with a scaled significand.
    private func rounded(_ value: Float) -> UInt32 {
        guard value != 0 else { return value.bitPattern >> 16 }
        let unit = Float(sign: .plus, exponent: value.exponent - 7, significand: 1)
        return ((value / unit).rounded(.toNearestOrEven) * unit).bitPattern >> 16
    }

    @Test func roundingToBF16IsToNearestEvenAndKeepsNaN() {
        let values = testNumbers(300, salt: 3) + [1 + 0x1p-8, 1 + 3 * 0x1p-8, -0.0, .infinity, 3e38]
        var results = [UInt16](repeating: 0, count: values.count)
        dtrain_to_bf16(Int64(values.count), values, &results)
        var floats = values
        floats.withUnsafeMutableBufferPointer {
            dtrain_round_to_bf16(Int64($0.count), $0.baseAddress, $0.baseAddress)
        }
        #expect(floats.map(\.bitPattern) == results.map { UInt32($0) << 16 })
        for (value, result) in zip(values, results) where value.isFinite && abs(value) < 1e38 {
            #expect(UInt32(result) == rounded(value))
        }
        #expect(results.suffix(2).first == 0x7f80)
        var nan: UInt16 = 0
        dtrain_to_bf16(1, [Float(bitPattern: 0x7fff_ffff)], &nan)
        #expect(Float(bitPattern: UInt32(nan) << 16).isNaN)
        let odd = values + [Float(bitPattern: 0x7fff_ffff), Float(bitPattern: 0x007f_8001)]
        var pairs = [UInt32](repeating: 0, count: odd.count.groups(of: 2 * DTRAIN_BLOCK_STEPS) * block)
        dtrain_pack_transposed_bf16_pairs(Int64(odd.count), 1, odd, Int64(odd.count), &pairs)
        for (index, value) in odd.enumerated() {
            var alone: UInt16 = 0
            dtrain_to_bf16(1, [value], &alone)
            #expect(pairs[index / 2 * DTRAIN_BLOCK_COLUMNS] >> (index % 2 * 16) & 0xffff == UInt32(alone))
        }
    }

    @Test(arguments: [1, 15, 16, 33, 257])
    func vectorsAreAddedElementByElement(count: Int) {
        let (a, b) = (testNumbers(count, salt: 1), testNumbers(count, salt: 2))
        var sum = a
        dtrain_add(Int64(count), b, &sum)
        #expect(sum == zip(a, b).map { $0 + $1 })
        var other = [Float](repeating: .nan, count: count)
        dtrain_add_into(Int64(count), a, b, &other)
        #expect(other == sum)
        other = b
        other.withUnsafeMutableBufferPointer { dtrain_add_into(Int64(count), a, $0.baseAddress, $0.baseAddress) }
        #expect(other == sum)
        var scaled = a
        dtrain_axpy(Int64(count), -2, b, &scaled)
        // Doubling is exact, so a fused multiply-add rounds like two operations.
        #expect(scaled == zip(a, b).map { $0 - 2 * $1 })
    }

    @Test(arguments: [0, 1, 31, 32, 33, 500])
    func dotProductMatchesTheNaiveOne(count: Int) {
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

    /// A row in only one matrix is added to zero, so −0 and denormal numbers become 0.
    @Test(arguments: [1, 5, 129], [false, true])
    func missingRowsCountAsZero(columns: Int, isInPlace: Bool) throws {
        let (aRows, bRows): ([UInt16], [UInt16]) = ([0, 2, 3, 7], [1, 2, 7, 8])
        var (a, b) = (testNumbers(10 * columns, salt: 1), testNumbers(10 * columns, salt: 2))
        (a[0], a[3 * columns]) = (-0.0, -.leastNonzeroMagnitude)
        (b[columns], b[8 * columns]) = (-0.0, -.leastNonzeroMagnitude)
        (a[2 * columns], b[2 * columns]) = (-0.0, -0.0)
        var expected = isInPlace ? b : [Float](repeating: .nan, count: 10 * columns)
        for row in 0..<10 where aRows.contains(UInt16(row)) || bRows.contains(UInt16(row)) {
            for j in row * columns..<(row + 1) * columns {
                let addends = (
                    aRows.contains(UInt16(row)) ? a[j] : 0, bRows.contains(UInt16(row)) ? b[j] : 0
                )
                expected[j] = addends.0.isSubnormal || addends.1.isSubnormal ? 0 : addends.0 + addends.1
            }
        }
        let sum = try buffer(isInPlace ? b : [Float](repeating: .nan, count: 10 * columns))
        let right = try isInPlace ? sum : buffer(b)
        withFlushedDenormals {
            dtrain_add_rows(Int64(columns), a, aRows, 4, right.pointer, bRows, 4, sum.pointer)
        }
        #expect(bits(sum.elements) == bits(expected))
        #expect(sum[2 * columns].bitPattern == 0x8000_0000 && sum[0].bitPattern == 0)
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
