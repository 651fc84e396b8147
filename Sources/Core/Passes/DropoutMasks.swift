import CKernels

/// The dropout masks of a step for a rank's rows.
///
/// A byte is 1 if its unit is kept. It is a function of (seed, step, layer, sequence's index in the
/// global batch, time, unit) and so doesn't depend on ranks or threads.
///
/// H units.
final class DropoutMasks: @unchecked Sendable {
    /// The kinds of masks that a step needs.
    struct Use: Hashable, Sendable {
        let inputs: Bool
        let recurrent: Bool

        /// Determines the masks that some probabilities need.
        init(_ dropout: Dropout) {
            inputs = Rate(dropout.inputs).drops
            recurrent = Rate(dropout.recurrent).drops
        }

        /// Whether any mask is needed.
        var isAny: Bool { inputs || recurrent }
    }

    /// A probability rounded to a multiple of 2⁻¹⁶ below 1.
    struct Rate: Hashable, Sendable {
        /// A unit is dropped if its 16 random bits are below this.
        let threshold: UInt32

        init(_ probability: Double) { threshold = UInt32(min(65535, max(0, (probability * 65536).rounded()))) }

        var drops: Bool { threshold > 0 }
        /// The factor of the kept units.
        var scale: Float { Float(65536 / Double(65536 - threshold)) }
    }

    private enum Kind: UInt32 { case inputs, recurrent }

    /// The masks of each layer's output: [tokens][H].
    private let inputs: [AlignedBuffer<UInt8>]?
    /// The masks of each layer's recurrent operand: [rows][H].
    private let recurrent: [AlignedBuffer<UInt8>]?
    private let rankBatch: RankBatch
    private let units: Int
    private let layerCount: Int
    private let random: CounterRandom
    private var rates = (inputs: Rate(0), recurrent: Rate(0))
    private var step: UInt64 = 0

    /// Allocates masks.
    ///
    /// - Throws: `DTrainError` with `internal` if memory runs out.
    init(_ use: Use, _ model: ModelConfiguration, rankBatch: RankBatch, seed: UInt64) throws {
        func masks(_ rows: Int) throws -> [AlignedBuffer<UInt8>] {
            try (0..<model.layers).map { _ in try AlignedBuffer(count: rows * model.rnnUnits) }
        }
        inputs = use.inputs ? try masks(rankBatch.tokens) : nil
        recurrent = use.recurrent ? try masks(rankBatch.rows) : nil
        (self.rankBatch, units, layerCount) = (rankBatch, model.rnnUnits, model.layers)
        random = CounterRandom(seed: seed, purpose: .dropout)
    }

    /// Fills the masks of a step, on all workers.
    ///
    /// - Parameter step: the number of steps applied before.
    func fill(_ dropout: Dropout, step: Int, on pool: WorkerPool) throws {
        rates = (Rate(dropout.inputs), Rate(dropout.recurrent))
        self.step = UInt64(step)
        try pool.run { [self] _ in
            while let task = pool.nextTask(below: layerCount * rankBatch.rows) {
                fill(layer: task / rankBatch.rows, row: task % rankBatch.rows)
            }
        }
    }

    /// Returns the addresses of a layer's masks.
    func layer(_ index: Int) -> LayerMasks {
        LayerMasks(
            output: inputs.map { LayerMasks.Mask(bytes: $0[index].pointer, scale: rates.inputs.scale) },
            recurrent: recurrent.map { LayerMasks.Mask(bytes: $0[index].pointer, scale: rates.recurrent.scale) },
            units: units)
    }

    private func fill(layer: Int, row: Int) {
        let sequence = UInt32(truncatingIfNeeded: rankBatch.sequences.lowerBound + row)
        func fill(_ mask: UnsafeMutablePointer<UInt8>, _ rate: Rate, time: Int, _ key: Philox.Block) {
            dtrain_dropout_mask(
                key.0, key.1, sequence, UInt32(truncatingIfNeeded: time), rate.threshold, Int64(units), mask)
        }
        if let masks = inputs?[layer].pointer {
            let (offsets, key) = (rankBatch.offsets(of: row), key(layer, .inputs))
            for time in 0..<rankBatch.sequenceLength {
                let token = offsets.firstToken + offsets.token(time)
                fill(masks + token * units, rates.inputs, time: time, key)
            }
        }
        if let masks = recurrent?[layer].pointer {
            fill(masks + row * units, rates.recurrent, time: 0, key(layer, .recurrent))
        }
    }

    /// Returns the key of the step's masks of one layer and kind.
    private func key(_ layer: Int, _ kind: Kind) -> Philox.Block {
        random.words(step, UInt32(truncatingIfNeeded: layer) &* 2 &+ kind.rawValue)
    }
}

/// The addresses of one layer's masks, valid while the masks live; see `LayerTape`.
struct LayerMasks {
    /// A matrix of bytes that are 1 for kept units.
    struct Mask {
        let bytes: UnsafePointer<UInt8>
        /// The factor of the kept units.
        let scale: Float
    }

    /// The mask of the layer's output, which the layer above and the head read: [tokens][H].
    let output: Mask?
    /// The mask of h as the operand of h · U: [rows][H].
    let recurrent: Mask?
    /// H.
    let units: Int
}

extension LayerMasks.Mask {
    /// Masks and scales `count` elements; `index` is the first element's index in the mask.
    func drop(at index: Int, count: Int, _ values: UnsafePointer<Float>, to passed: UnsafeMutablePointer<Float>) {
        dtrain_dropout(Int64(count), bytes + index, scale, values, passed)
    }

    /// Masks and scales `count` elements and adds them to `sum`; `index` is the first element's
    /// index in the mask.
    func dropAndAdd(at index: Int, count: Int, _ values: UnsafePointer<Float>, to sum: UnsafeMutablePointer<Float>) {
        dtrain_dropout_add(Int64(count), bytes + index, scale, values, sum)
    }
}
