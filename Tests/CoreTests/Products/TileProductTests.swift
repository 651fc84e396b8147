import CKernels
import Testing

@testable import DTrainCore

/// Products of bf16 tiles against a scalar model of TDPBF16PS.
@Suite struct TileProductTests {
    struct Shape: Hashable, Sendable, CustomTestStringConvertible {
        let rows: Int
        let columns: Int
        let depth: Int

        init(_ rows: Int, _ columns: Int, _ depth: Int) {
            (self.rows, self.columns, self.depth) = (rows, columns, depth)
        }

        var testDescription: String { "\(rows)×\(columns), depth \(depth)" }
    }

    /// Full tiles and blocks, sizes one above and one below, some in between, and more rows than one
    /// chunk.
    static let shapes =
        [
            Shape(1, 1, 1), Shape(16, 16, 32), Shape(32, 32, 64), Shape(17, 33, 33), Shape(15, 31, 31),
            Shape(40, 130, 100), Shape(33, 66, 65), Shape(1, 66, 100), Shape(144, 48, 96), Shape(131, 20, 7),
            Shape(48, 64, 1), Shape(2, 128, 32),
        ]
        + (0..<24).map { Shape(1 + $0 * 7 % 40, 1 + $0 * 53 % 130, 1 + $0 * 37 % 100) }

    /// The units under test: the emulation, and AMX where available.
    static var units: [TileProducts.Unit] {
        #if arch(x86_64)
            InstructionSet.best == .amx ? [.emulated, .amx] : [.emulated]
        #else
            [.emulated]
        #endif
    }

    /// Returns c plus a dot product by TDPBF16PS's rule: each tile of the depth adds its sums of even
    /// and of odd products.
    private static func tdpbf16ps(_ c: Float, depth: Int, _ factors: (Int) -> (a: Float, b: Float)) -> Float {
        var c = c
        for tile in stride(from: 0, to: depth, by: 32) {
            var sums: [Float] = [0, 0]
            for k in tile..<min(depth, tile + 32) {
                let (a, b) = factors(k)
                sums[k % 2].addProduct(a, b)
            }
            c += sums[0] + sums[1]
        }
        return c
    }

    private static func rounded(_ values: [Float]) -> [Float] {
        var rounded = values
        rounded.withUnsafeMutableBufferPointer {
            dtrain_round_to_bf16(Int64($0.count), $0.baseAddress, $0.baseAddress)
        }
        return rounded
    }

    /// The computed and the expected A · B, optionally from a transposed source of B.
    private static func product(
        _ shape: Shape, _ unit: TileProducts.Unit, _ columns: ColumnGroups?, accumulate: Bool, transposed: Bool = false
    ) throws -> (found: [UInt32], expected: [UInt32]) {
        let (rows, width, depth) = (shape.rows, shape.columns, shape.depth)
        let a = try OperandBuffer(rows: rows, columns: depth, format: .bf16Tiles)
        let (left, right) = (testNumbers(rows * depth, salt: 1), testNumbers(depth * width, salt: 2))
        _ = a.values.elements.update(from: left)
        // Packs in two parts, as workers do.
        let middle = depth / 2 / 16 * 16
        for row in 0..<rows {
            a.round(row: row, columns: middle..<depth)
            a.round(row: row, columns: 0..<middle)
        }
        let weights = try PackedMatrix(
            depth: depth, columns: width, source: transposed ? .transposed : .rows, products: TileProducts(unit: unit))
        let source = try buffer(
            transposed ? (0..<right.count).map { right[$0 % depth * width + $0 / depth] } : right)
        weights.pack(source.pointer)
        let before = testNumbers(rows * width + 1, salt: 3)
        let c = try buffer(before)
        let product = try weights.product(rows: rows, columns: columns, accumulate: accumulate)
        product(a.bytes, weights.bytes, c.pointer)
        let (factors, others) = (rounded(left), rounded(right))
        let groups = columns ?? ColumnGroups(first: 0..<width)
        let expected = before.enumerated().map { place, start in
            let (i, j) = (place / width, place % width)
            let isIn = (0..<groups.count).contains {
                groups.first.contains(j - $0 * groups.stride)
            }
            guard i < rows, isIn else { return start }
            return tdpbf16ps(accumulate ? start : 0, depth: depth) {
                (factors[i * depth + $0], others[$0 * width + j])
            }
        }
        return (bits(c.elements), bits(expected))
    }

    @Test(arguments: shapes, [false, true])
    func productsMatchTheScalarModel(_ shape: Shape, accumulate: Bool) throws {
        for unit in Self.units {
            for transposed in [false, true] {
                let (found, expected) = try Self.product(
                    shape, unit, nil, accumulate: accumulate, transposed: transposed)
                #expect(differences(found, expected) == 0, "\(unit)")
            }
        }
    }

    /// Groups of one tile, of odd numbers of tiles, across column blocks, and one that ends with the
    /// matrix.
    @Test(arguments: [
        (ColumnGroups(first: 16..<32, count: 3, stride: 64), 192),
        (ColumnGroups(first: 48..<96, count: 2, stride: 96), 192),
        (ColumnGroups(first: 0..<80, count: 2, stride: 80), 160), (ColumnGroups(first: 112..<130), 130),
        (ColumnGroups(first: 32..<48), 130),
    ])
    func productsOfColumnGroupsMatchTheScalarModel(_ groups: ColumnGroups, columns: Int) throws {
        for (rows, accumulate) in [(1, false), (17, true), (32, false), (130, true)] {
            for unit in Self.units {
                let (found, expected) = try Self.product(
                    Shape(rows, columns, 70), unit, groups, accumulate: accumulate)
                #expect(differences(found, expected) == 0, "\(rows) rows, \(unit)")
            }
        }
    }

    /// Repeated calls give the same result, although each starts where the previous one ended.
    @Test func repeatedProductsHaveTheSameBits() throws {
        let weights = try PackedMatrix(
            depth: 40, columns: 100, source: .rows, products: TileProducts(unit: .emulated))
        let source = try buffer(testNumbers(4000, salt: 2))
        weights.pack(source.pointer)
        let a = try OperandBuffer(rows: 3, columns: 40, format: .bf16Tiles)
        _ = a.values.elements.update(from: testNumbers(120, salt: 1))
        for row in 0..<3 { a.round(row: row, columns: 0..<40) }
        let product = try weights.product(rows: 3)
        let results = try (0..<3).map { _ in
            let c = try AlignedBuffer<Float>(count: 300)
            product(a.bytes, weights.bytes, c.pointer)
            return bits(c.elements)
        }
        #expect(results[1] == results[0] && results[2] == results[0])
    }

    /// Denormal products and denormal operands count as 0, as in 2⁻¹³⁰ · 2¹⁰⁰.
    @Test(arguments: [(Float(0x1p-70), Float(0x1p-70)), (0x1p-130, 0x1p100)])
    func denormalsAreFlushed(_ a: Float, _ b: Float) throws {
        for unit in Self.units {
            let weights = try PackedMatrix(depth: 2, columns: 1, source: .rows, products: TileProducts(unit: unit))
            let source = try buffer([b, 1])
            weights.pack(source.pointer)
            let operand = try OperandBuffer(rows: 1, columns: 2, format: .bf16Tiles)
            (operand.values[0], operand.values[1]) = (a, 0)
            operand.round(row: 0, columns: 0..<2)
            let c = try AlignedBuffer<Float>(count: 1)
            let product = try weights.product(rows: 1)
            withFlushedDenormals { product(operand.bytes, weights.bytes, c.pointer) }
            #expect(c[0] == 0, "\(unit)")
        }
    }

    /// Rows are units, columns are the panel's, and the depth is tokens.
    ///
    /// More tokens may be stored than are read.
    @Test(arguments: shapes, [0, 1, 3])
    func foldedPanelProductsMatchTheScalarModel(_ shape: Shape, addends: Int) throws {
        for unit in Self.units {
            for extra in [0, 1, 40] {
                let (found, expected) = try Self.panelProduct(shape, unit, addends: addends, extra: extra)
                #expect(differences(found, expected) == 0, "\(extra) more stored, \(unit)")
            }
        }
    }

    @Test func panelProductWithoutTokensIsZero() throws {
        let (found, expected) = try Self.panelProduct(Shape(5, 3, 0), .emulated, addends: 0, extra: 1)
        #expect(found == expected)
    }

    private static func panelProduct(
        _ shape: Shape, _ unit: TileProducts.Unit, addends count: Int, extra: Int
    ) throws -> (found: [UInt32], expected: [UInt32]) {
        let (units, width, tokens) = (shape.rows, shape.columns, shape.depth)
        let products = TileProducts(unit: unit)
        let states = testNumbers((tokens + extra) * units, salt: 1)
        let packed = try AlignedBuffer<UInt32>(count: products.words(states: tokens + extra, units: units))
        // Stale contents must have no effect.
        packed.elements.update(repeating: .max)
        products.packStates(states, states: tokens + extra, units: units, to: packed.pointer)
        let panel = testNumbers(tokens * width, salt: 2)
        let siblings = try (0..<count).map { try buffer(testNumbers(units * width, salt: 3 + UInt32($0))) }
        let out = try buffer([Float](repeating: 9, count: units * width + 1))
        let product = try products.product(units: units, width: width, states: tokens, of: tokens + extra)
        let pointers = siblings.map { UnsafePointer($0.pointer) as UnsafePointer<Float>? }
        pointers.withUnsafeBufferPointer {
            product(
                packed.pointer, panel, FoldDestination(scratch: out.pointer, addends: $0, out: out.pointer))
        }
        let (factors, others) = (rounded(states), rounded(panel))
        var expected: [Float] = (0..<units * width).map { place in
            var sum = tdpbf16ps(0, depth: tokens) {
                (factors[$0 * units + place / width], others[$0 * width + place % width])
            }
            for sibling in siblings { sum = sibling[place] + sum }
            return sum
        }
        expected.append(9)
        return (bits(out.elements), bits(expected))
    }

    #if arch(x86_64)
        /// Numbers of widely varying magnitude, which expose every rounding.
        @Test(.enabled(if: InstructionSet.best == .amx, "this CPU has no AMX, or the kernel refuses it"))
        func theEmulationHasTheBitsOfAMX() throws {
            let (rows, columns, depth) = (64, 256, 1000)
            let exponents = testNumbers(depth * columns, limit: 20, salt: 9)
            let numbers = testNumbers(depth * columns, salt: 2).enumerated().map {
                $0.element * Float(sign: .plus, exponent: Int(exponents[$0.offset]), significand: 1)
            }
            let source = try buffer(numbers)
            let a = try OperandBuffer(rows: rows, columns: depth, format: .bf16Tiles)
            _ = a.values.elements.update(from: testNumbers(rows * depth, salt: 1))
            for row in 0..<rows { a.round(row: row, columns: 0..<depth) }
            let results = try [TileProducts.Unit.amx, .emulated].map { unit in
                let weights = try PackedMatrix(
                    depth: depth, columns: columns, source: .rows, products: TileProducts(unit: unit))
                weights.pack(source.pointer)
                let c = try AlignedBuffer<Float>(count: rows * columns)
                let product = try weights.product(rows: rows)
                withFlushedDenormals { product(a.bytes, weights.bytes, c.pointer) }
                return bits(c.elements)
            }
            #expect(differences(results[0], results[1]) == 0)
        }
    #endif

    /// State i of unit j is stored in band j / 16, tile i / 32, at row j % 16, column i % 32.
    ///
    /// Other elements are 0.
    @Test(arguments: [(1, 1), (32, 16), (33, 17), (70, 40)])
    func packedStatesAreTilesOfUnits(_ shape: (states: Int, units: Int)) {
        let (states, units) = shape
        let numbers = testNumbers(states * units)
        let tiles = states.groups(of: 32)
        var packed = [UInt32](repeating: .max, count: units.groups(of: 16) * tiles * 256)
        dtrain_pack_states_bf16_tiles(Int64(states), Int64(units), numbers, &packed)
        var expected = [UInt32](repeating: 0, count: packed.count)
        for (place, number) in Self.rounded(numbers).enumerated() {
            let (i, j) = (place / units, place % units)
            let half = ((j / 16 * tiles + i / 32) * 16 + j % 16) * 32 + i % 32
            expected[half / 2] |= (number.bitPattern >> 16) << UInt32(half % 2 * 16)
        }
        #expect(packed == expected)
    }
}
