import CKernels

/// What the forward pass of a rank's micro-batches keeps for the backward pass, which then replaces it by gradients.
///
/// H units, G gates, T tokens a sequence, V vocabulary; layout: see `Shard`.
final class Tape: @unchecked Sendable {
    /// What one recurrent layer keeps.
    struct Layer {
        /// [T + 1 states per sequence][H]: h before each token and after the last.
        let hidden: AlignedBuffer<Float>
        /// LSTM: [T + 1 states per sequence][H].
        let cell: AlignedBuffer<Float>?
        /// Four gate groups of panels a micro-batch; see `CKernels.h`.
        let record: AlignedBuffer<Float>
    }

    /// Values a record keeps for each unit and token.
    static let groups = 4

    let shard: Shard
    let units: Int
    let vocabularySize: Int
    let layers: [Layer]
    /// Panels of d(loss)/d(logits), [tokens][V] a micro-batch.
    let logitsGradient: AlignedBuffer<Float>
    /// Input ids, target ids and losses (nats), a token each.
    let inputs: AlignedBuffer<UInt16>
    let targets: AlignedBuffer<UInt16>
    let losses: AlignedBuffer<Double>

    init(_ configuration: ModelConfiguration, shard: Shard) throws {
        self.shard = shard
        units = configuration.rnnUnits
        vocabularySize = configuration.vocabularySize
        let states = shard.rows * (shard.sequenceLength + 1)
        let (units, tokens) = (units, shard.tokens)
        layers = try (0..<configuration.layers).map { _ in
            Layer(
                hidden: try AlignedBuffer(count: states * units),
                cell: configuration.cell == .lstm ? try AlignedBuffer(count: states * units) : nil,
                record: try AlignedBuffer(count: tokens * Self.groups * units))
        }
        logitsGradient = try AlignedBuffer(count: tokens * vocabularySize)
        inputs = try AlignedBuffer(count: tokens)
        targets = try AlignedBuffer(count: tokens)
        losses = try AlignedBuffer(count: tokens)
    }

    /// The state of a row before the token at `time`; T is the state after the last.
    func hidden(_ layer: Int, _ place: RowPlace, _ time: Int) -> UnsafeMutablePointer<Float> {
        layers[layer].hidden.pointer + (place.firstState + place.token(time)) * units
    }

    /// The LSTM cell of a row before the token at `time`.
    func cell(_ layer: Int, _ place: RowPlace, _ time: Int) -> UnsafeMutablePointer<Float>? {
        layers[layer].cell.map { $0.pointer + (place.firstState + place.token(time)) * units }
    }

    /// The record of a row's token for the kernels.
    func record(_ layer: Int, _ place: RowPlace, _ time: Int) -> dtrain_record {
        dtrain_record(
            values: layers[layer].record.pointer + place.firstToken * Self.groups * units,
            tokens: Int64(place.tokens), token: Int64(place.token(time)), units: Int64(units),
            panel: Int64(Panels.widest))
    }

    /// A panel of a gate group of a micro-batch: [tokens][width].
    func panel(_ layer: Int, microBatch: Int, group: Int, panel: Int) -> UnsafeMutablePointer<Float> {
        let tokens = shard.tokens(of: microBatch)
        return layers[layer].record.pointer + (tokens.before * Self.groups + tokens.count * group) * units
            + Panels(units: units).offset(panel, tokens: tokens.count)
    }

    /// A panel of d(loss)/d(logits) of a micro-batch: [tokens][width].
    func logitsPanel(microBatch: Int, panel: Int) -> UnsafeMutablePointer<Float> {
        let tokens = shard.tokens(of: microBatch)
        return logitsGradient.pointer + tokens.before * vocabularySize
            + Panels(units: vocabularySize).offset(panel, tokens: tokens.count)
    }

    /// Keeps a row of d(loss)/d(logits), or brings it back.
    func copyLogitsGradient(_ place: RowPlace, _ time: Int, row: UnsafeMutablePointer<Float>, keep: Bool) {
        let panels = Panels(units: vocabularySize)
        let base = logitsGradient.pointer + place.firstToken * vocabularySize
        for panel in 0..<panels.count {
            let columns = panels.columns(panel)
            let kept = base + panels.offset(panel, tokens: place.tokens) + place.token(time) * columns.count
            let given = row + columns.lowerBound
            if keep {
                kept.update(from: given, count: columns.count)
            } else {
                given.update(from: kept, count: columns.count)
            }
        }
    }
}
