import CKernels
import Testing

@testable import DTrainCore

/// hᵀ · panel in this machine's arithmetics against sums in double precision.
@Suite struct PanelProductTests {
    /// Partial, single and multiple blocks of 12 units; columns around 32 and 64; an odd number of
    /// states; more than a tile's depth.
    private static let shapes = [
        (units: 5, width: 3, states: 0), (units: 1, width: 1, states: 1), (units: 12, width: 32, states: 8),
        (units: 13, width: 66, states: 9),
        (units: 40, width: 128, states: 33), (units: 25, width: 64, states: 1030), (units: 12, width: 40, states: 2100),
        // One vector of columns after full tiles, and one column more.
        (12, 48, 5), (13, 81, 6),
    ]

    @Test(arguments: OperandFormat.trainable, [0, 1, 3])
    func productsPlusSiblingsMatchDoublePrecision(format: OperandFormat, addends: Int) throws {
        for shape in Self.shapes { try check(shape, addends: addends, format) }
    }

    private func check(
        _ shape: (units: Int, width: Int, states: Int), addends count: Int, _ format: OperandFormat
    ) throws {
        let (units, width, states) = shape
        // One more state is stored than is read.
        let values = testNumbers((states + 1) * units)
        let panel = try AlignedBuffer<Float>(count: states * width + TapePanel.padding)
        panel.elements.update(repeating: .nan)
        let factors = testNumbers(states * width, salt: 1)
        panel.pointer.update(from: factors, count: factors.count)
        let siblings = (0..<count).map { testNumbers(units * width, salt: 2 + UInt32($0)) }
        let out = try AlignedBuffer<Float>(count: units * width + 40)
        out.elements.update(repeating: 9)
        try multiply(shape, values, panel, siblings, out, format)
        for unit in 0..<units {
            for column in 0..<width {
                var expected = 0.0
                var magnitude = 0.0
                for state in 0..<states {
                    let product =
                        Double(rounded(values[state * units + unit], format))
                        * Double(rounded(factors[state * width + column], format))
                    expected += product
                    magnitude += abs(product)
                }
                for sibling in siblings { expected += Double(sibling[unit * width + column]) }
                // The error of a sum of n floats is at most n roundings of the sum of magnitudes.
                let bound = Double(states + count) * 0x1p-24 * (magnitude + Double(count)) + 1e-30
                #expect(abs(Double(out[unit * width + column]) - expected) <= bound)
            }
        }
        #expect(out.elements.dropFirst(units * width).allSatisfy { $0 == 9 })
    }

    private func multiply(
        _ shape: (units: Int, width: Int, states: Int), _ values: [Float], _ panel: AlignedBuffer<Float>,
        _ siblings: [[Float]], _ out: AlignedBuffer<Float>, _ format: OperandFormat
    ) throws {
        let products = try format.panelProducts()
        products.preparePanel(UnsafeMutableBufferPointer(rebasing: panel.elements[..<(shape.states * shape.width)]))
        let hidden = try PackedStates(
            rankBatch: RankBatch(
                batchSize: 1, microBatchSize: 1, sequenceLength: shape.states + 1, microBatches: 0..<1),
            units: shape.units, products: products)
        hidden.fill(0, from: values)
        let slots = try siblings.map { sibling in
            let slot = try AlignedBuffer<Float>(count: sibling.count)
            slot.pointer.update(from: sibling, count: sibling.count)
            return slot
        }
        let addends = slots.map { UnsafePointer($0.pointer) as UnsafePointer<Float>? }
        let scratch = try AlignedBuffer<Float>(count: shape.units * shape.width)
        let product = try products.product(
            units: shape.units, width: shape.width, states: shape.states, of: shape.states + 1)
        addends.withUnsafeBufferPointer {
            product(
                hidden.bytes(0, from: 0), panel.pointer,
                FoldDestination(scratch: scratch.pointer, addends: $0, out: out.pointer))
        }
    }

    private func rounded(_ value: Float, _ format: OperandFormat) -> Float {
        guard format != .fp32 else { return value }
        var result: UInt16 = 0
        dtrain_to_bf16(1, [value], &result)
        return Float(bitPattern: UInt32(result) << 16)
    }
}
