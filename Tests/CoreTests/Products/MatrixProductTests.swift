import CKernels
import Testing

@testable import DTrainCore

@Suite struct MatrixProductTests {
    struct Shape: Sendable, CustomTestStringConvertible {
        let rows: Int
        let depth: Int
        let columns: Int
        init(_ rows: Int, _ depth: Int, _ columns: Int) {
            (self.rows, self.depth, self.columns) = (rows, depth, columns)
        }
        var testDescription: String { "\(rows)×\(depth)×\(columns)" }
    }

    static let shapes = [
        Shape(1, 1, 1), Shape(3, 5, 7), Shape(2, 1, 9), Shape(1, 64, 66), Shape(17, 66, 129), Shape(33, 130, 390),
        Shape(32, 3072, 64),
    ]

    /// A · B + C in Double, row-major.
    private func naive(_ shape: Shape, _ a: [Float], _ b: [Float], plus c: [Float]) -> [Double] {
        var sums = c.map(Double.init)
        let (a, b) = (a.map(Double.init), b.map(Double.init))
        sums.withUnsafeMutableBufferPointer { sums in
            for i in 0..<shape.rows {
                for k in 0..<shape.depth {
                    let factor = a[i * shape.depth + k]
                    for j in 0..<shape.columns { sums[i * shape.columns + j] += factor * b[k * shape.columns + j] }
                }
            }
        }
        return sums
    }

    /// A · B + C with one fused multiply-add per step, in order of depth.
    private func inOrder(_ shape: Shape, _ a: [Float], _ b: [Float], plus c: [Float]) -> [UInt32] {
        var sums = c
        sums.withUnsafeMutableBufferPointer { sums in
            for i in 0..<shape.rows {
                for k in 0..<shape.depth {
                    let factor = a[i * shape.depth + k]
                    for j in 0..<shape.columns {
                        sums[i * shape.columns + j].addProduct(factor, b[k * shape.columns + j])
                    }
                }
            }
        }
        return bits(sums)
    }

    private func operand(_ numbers: [Float], rows: Int, _ format: OperandFormat) throws -> OperandBuffer {
        let columns = numbers.count / rows
        let operand = try OperandBuffer(rows: rows, columns: columns, format: format)
        _ = operand.values.elements.update(from: numbers)
        for row in 0..<rows { operand.round(row: row, columns: 0..<columns) }
        return operand
    }

    private func transpose(_ matrix: [Float], rows: Int, columns: Int) -> [Float] {
        (0..<rows * columns).map { matrix[$0 % rows * columns + $0 / rows] }
    }

    /// Expects errors on the order of K rounding units, from K roundings of partial sums that grow
    /// like √K.
    private func expectClose(_ found: AlignedBuffer<Float>, _ expected: [Double], depth: Int) {
        let tolerance = Double(depth + 8) * 0x1p-24
        let worst = zip(found.elements, expected).map { abs(Double($0) - $1) }.max() ?? .infinity
        #expect(worst <= tolerance, "off by \(worst)")
    }

    @Test(arguments: shapes, [false, true])
    func packedProductsMatchNaiveOnes(_ shape: Shape, transposedSource: Bool) throws {
        let a = testNumbers(shape.rows * shape.depth, salt: 1)
        let b = testNumbers(shape.depth * shape.columns, salt: 2)
        let before = testNumbers(shape.rows * shape.columns, salt: 3)
        let source = transposedSource ? transpose(b, rows: shape.depth, columns: shape.columns) : b
        let weights = try PackedMatrix(
            depth: shape.depth, columns: shape.columns,
            source: transposedSource ? .transposed : .rows, products: OperandFormat.fp32.weightProducts())
        let (plain, operand) = (try buffer(source), try buffer(a))
        weights.pack(plain.pointer)
        for accumulate in [false, true] {
            let product = try weights.product(rows: shape.rows, accumulate: accumulate)
            let c = try buffer(before)
            product(operand.pointer, weights.bytes, c.pointer)
            let start = accumulate ? before : [Float](repeating: 0, count: before.count)
            expectClose(c, naive(shape, a, b, plus: start), depth: shape.depth)
            guard InstructionSet.hasFusedMultiplyAdd else { continue }
            #expect(differences(bits(c.elements), inOrder(shape, a, b, plus: start)) == 0)
        }
    }

    @Test(arguments: shapes, [0, 1, 2, 3])
    func plainProductsSupportTransposesAndStrides(_ shape: Shape, transposes: Int) throws {
        let (aTransposed, bTransposed) = (transposes & 1 != 0, transposes & 2 != 0)
        let a = testNumbers(shape.rows * shape.depth, salt: 1)
        let b = testNumbers(shape.depth * shape.columns, salt: 2)
        let gap = 3
        let product = try PlainProduct(
            rows: shape.rows, columns: shape.columns, depth: shape.depth,
            isTransposed: aTransposed, b: bTransposed ? .transposed() : .rows(), resultStride: shape.columns + gap)
        let left = try buffer(aTransposed ? transpose(a, rows: shape.rows, columns: shape.depth) : a)
        let right = try buffer(bTransposed ? transpose(b, rows: shape.depth, columns: shape.columns) : b)
        let c = try buffer([Float](repeating: 7, count: shape.rows * (shape.columns + gap)))
        product(left.pointer, right.pointer, c.pointer)
        let zeros = [Float](repeating: 0, count: shape.rows * shape.columns)
        let expected = naive(shape, a, b, plus: zeros)
        var withGaps: [Double] = []
        for row in 0..<shape.rows {
            withGaps += expected[row * shape.columns..<(row + 1) * shape.columns]
            withGaps += [Double](repeating: 7, count: gap)
        }
        expectClose(c, withGaps, depth: shape.depth)
    }

    @Test func packingAgainReplacesTheWeights() throws {
        let weights = try PackedMatrix(
            depth: 2, columns: 2, source: .rows, products: OperandFormat.fp32.weightProducts())
        let product = try weights.product(rows: 1)
        let c = try AlignedBuffer<Float>(count: 2)
        let a = try buffer([10, 100])
        for b in [[1, 2, 3, 4], [5, 6, 7, 8]] as [[Float]] {
            let source = try buffer(b)
            weights.pack(source.pointer)
            product(a.pointer, weights.bytes, c.pointer)
            #expect(Array(c.elements) == [10 * b[0] + 100 * b[2], 10 * b[1] + 100 * b[3]])
        }
    }

    /// Shapes with several blocks of depth, full and partial tiles of rows and columns, an odd bf16
    /// depth, and several chunks of rows.
    @Test(
        arguments: [(16, 64), (32, 128), (1056, 192), (2080, 64), (1024, 66), (66, 96), (1, 1), (33, 17), (1057, 50)],
        OperandFormat.trainable)
    func productsOfEachFormatMatchNaiveOnes(_ size: (depth: Int, columns: Int), format: OperandFormat) throws {
        let b = testNumbers(size.depth * size.columns, salt: 2)
        let weights = try PackedMatrix(
            depth: size.depth, columns: size.columns, source: .rows, products: format.weightProducts())
        let source = try buffer(format == .fp32 ? b : b.map(roundedToBF16))
        weights.pack(source.pointer)
        for rows in [1, 2, 5, 7, 12, 13, 25, 130] {
            let shape = Shape(rows, size.depth, size.columns)
            let numbers = testNumbers(rows * size.depth, salt: 1).map { format == .fp32 ? $0 : roundedToBF16($0) }
            let a = try operand(numbers, rows: rows, format)
            let before = testNumbers(rows * size.columns, salt: 3)
            for accumulate in [false, true] {
                let product = try weights.product(rows: rows, accumulate: accumulate)
                let c = try buffer(before)
                product(a.bytes, weights.bytes, c.pointer)
                let start = accumulate ? before : [Float](repeating: 0, count: before.count)
                expectClose(c, naive(shape, numbers, Array(source.elements), plus: start), depth: size.depth)
                guard format == .fp32 || format == .roundedFP32, rows < 13, InstructionSet.hasFusedMultiplyAdd else {
                    continue
                }
                let expected = inOrder(shape, numbers, Array(source.elements), plus: start)
                #expect(differences(bits(c.elements), expected) == 0)
            }
        }
    }

    /// After an odd depth, the copy of A holds stale values.
    ///
    /// A stale infinity times B's zero padding would be NaN.
    @Test(arguments: [(OperandFormat.bf16, 65), (.bf16Tiles, 65), (.expandedBF16, 1024 + 65)])
    func staleInfinitiesAfterAnOddDepthDoNotGiveNaN(format: OperandFormat, place: Int) throws {
        guard try format.isSupported() else { return }
        let depth = 2113
        let weights = try PackedMatrix(depth: depth, columns: 1, source: .rows, products: format.weightProducts())
        let ones = try buffer([Float](repeating: 1, count: depth))
        weights.pack(ones.pointer)
        let a = try operand((0..<depth).map { $0 == place ? .infinity : 0 }, rows: 1, format)
        let c = try AlignedBuffer<Float>(count: 1)
        let product = try weights.product(rows: 1)
        product(a.bytes, weights.bytes, c.pointer)
        #expect(c[0] == .infinity)
    }

    /// The result equals float32 products of previously rounded operands in every bit.
    @Test(arguments: [1, 5, 6, 13, 64, 130])
    func expandedProductsHaveTheBitsOfRoundedOnes(rows: Int) throws {
        let (depth, columns) = (2113, 200)
        let source = try buffer(testNumbers(depth * columns, salt: 2))
        let numbers = testNumbers(rows * depth, salt: 1)
        let found = try [OperandFormat.roundedFP32, .expandedBF16].map { format in
            let weights = try PackedMatrix(
                depth: depth, columns: columns, source: .rows, products: format.weightProducts())
            weights.pack(source.pointer)
            let a = try operand(numbers, rows: rows, format)
            let c = try AlignedBuffer<Float>(count: rows * columns)
            let product = try weights.product(rows: rows)
            product(a.bytes, weights.bytes, c.pointer)
            return bits(c.elements)
        }
        #expect(differences(found[0], found[1]) == 0)
    }

    /// A product of column groups, in either direction, leaves the other columns unchanged.
    @Test(
        arguments: [(1, 64), (1, 16), (5, 64), (5, 32), (6, 32), (6, 16), (25, 64), (25, 32), (25, 48), (130, 16)],
        OperandFormat.trainable)
    func productsOfColumnGroupsHaveTheBitsOfWholeProducts(_ size: (rows: Int, width: Int), format: OperandFormat) throws
    {
        let (rows, step) = size
        let (depth, columns) = (1056, 384)
        let products = try format.weightProducts()
        let weights = try PackedMatrix(depth: depth, columns: columns, source: .rows, products: products)
        let source = try buffer(testNumbers(depth * columns, salt: 2))
        weights.pack(source.pointer)
        let a = try operand(testNumbers(rows * depth, salt: 1), rows: rows, format)
        let all = try AlignedBuffer<Float>(count: rows * columns)
        let whole = try weights.product(rows: rows)
        whole(a.bytes, weights.bytes, all.pointer)
        let product = try weights.product(
            rows: rows, columns: ColumnGroups(first: step..<2 * step, count: columns / step / 2, stride: 2 * step))
        for _ in 0..<2 {
            let some = try buffer([Float](repeating: 7, count: rows * columns))
            product(a.bytes, weights.bytes, some.pointer)
            let expected = all.elements.enumerated().map { $0.offset / step % 2 == 1 ? $0.element : 7 }
            #expect(differences(bits(some.elements), expected.map(\.bitPattern)) == 0)
        }
    }

    private func roundedToBF16(_ value: Float) -> Float {
        var rounded: UInt16 = 0
        dtrain_to_bf16(1, [value], &rounded)
        return Float(bitPattern: UInt32(rounded) << 16)
    }

    static let weightShapes = [
        (1024, 3072), (3072, 1024), (1024, 66), (66, 1024), (130, 390), (390, 130), (7, 21), (21, 7), (64, 192), (1, 3),
        (64, 50), (2114, 66), (2113, 50),
    ]

    /// A row's result doesn't depend on the other rows, so workers can divide the batch in any way.
    @Test(arguments: weightShapes, OperandFormat.trainable)
    func bitsOfARowDoNotDependOnTheNumberOfRows(_ shape: (depth: Int, columns: Int), format: OperandFormat) throws {
        for accumulate in [false, true] { try compareRows(shape, format, accumulate: accumulate) }
    }

    private func compareRows(_ shape: (depth: Int, columns: Int), _ format: OperandFormat, accumulate: Bool) throws {
        // More rows than one chunk of dtrain's loops, unless that would take long.
        let all = shape.depth * shape.columns > 1 << 18 ? 64 : 130
        let weights = try PackedMatrix(
            depth: shape.depth, columns: shape.columns, source: .rows, products: format.weightProducts())
        let source = try buffer(testNumbers(shape.depth * shape.columns, salt: 2))
        weights.pack(source.pointer)
        let numbers = testNumbers(all * shape.depth, salt: 1)
        let before = testNumbers(all * shape.columns, salt: 3)
        func rows(_ rows: Int, from first: Int) throws -> [UInt32] {
            let product = try weights.product(rows: rows, accumulate: accumulate)
            let a = try operand(
                Array(numbers[first * shape.depth..<(first + rows) * shape.depth]), rows: rows, format)
            let c = try AlignedBuffer<Float>(count: rows * shape.columns)
            for index in 0..<rows * shape.columns { c[index] = before[first * shape.columns + index] }
            product(a.bytes, weights.bytes, c.pointer)
            return Array(bits(c.elements).prefix(rows * shape.columns))
        }
        let expected = try rows(all, from: 0)
        var differing: [String] = []
        for count in [1, 2, 3, 4, 5, 7, 8, 11, 16, 21, 32, 33, 43, 63, 129] where count < all {
            for first in Set([0, 1, all - count]) {
                let place = first * shape.columns..<(first + count) * shape.columns
                if differences(try rows(count, from: first), Array(expected[place])) > 0 {
                    differing.append("\(count) rows from \(first)")
                }
            }
        }
        #expect(differing.isEmpty, "K×N \(shape): results differ from those of \(all) rows")
    }
}
