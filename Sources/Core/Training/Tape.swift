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
        /// Four gate groups of panels a micro-batch, as `dtrain_record` says.
        ///
        /// The rows before and after the tokens stay zero.
        let record: AlignedBuffer<Float>
    }

    /// Values a record keeps for each unit and token.
    static let groups = 4

    let shard: Shard
    let units: Int
    let vocabularySize: Int
    let layers: [Layer]
    /// Panels of d(loss)/d(logits) a micro-batch, likewise.
    let logitsGradient: AlignedBuffer<Float>
    /// Input ids, target ids and losses (nats), a token each.
    let inputs: AlignedBuffer<UInt16>
    let targets: AlignedBuffer<UInt16>
    let losses: AlignedBuffer<Double>
    /// Is told of each time step.
    let heartbeat: Heartbeat

    init(_ configuration: ModelConfiguration, shard: Shard, heartbeat: Heartbeat) throws {
        self.shard = shard
        self.heartbeat = heartbeat
        units = configuration.rnnUnits
        vocabularySize = configuration.vocabularySize
        let states = shard.rows * (shard.sequenceLength + 1)
        let (units, panelRows) = (units, shard.rows * (shard.sequenceLength + 2))
        layers = try (0..<configuration.layers).map { _ in
            Layer(
                hidden: try AlignedBuffer(count: states * units),
                cell: configuration.cell == .lstm ? try AlignedBuffer(count: states * units) : nil,
                record: try AlignedBuffer(count: panelRows * Self.groups * units + TapePanel.behind))
        }
        logitsGradient = try AlignedBuffer(count: panelRows * vocabularySize + TapePanel.behind)
        inputs = try AlignedBuffer(count: shard.tokens)
        targets = try AlignedBuffer(count: shard.tokens)
        losses = try AlignedBuffer(count: shard.tokens)
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
            values: layers[layer].record.pointer + place.firstPanelRow * Self.groups * units,
            rows: Int64(place.panelRows), row: Int64(place.panelRow(time)), units: Int64(units),
            panel: Int64(Panels.widest))
    }

    /// A panel of a micro-batch: of a gate group, or of d(loss)/d(logits).
    func panel(_ source: PanelTask.Source, microBatch: Int, panel: Int) -> TapePanel {
        let sequences = shard.rows(of: microBatch)
        let rows = shard.panelRows(of: microBatch)
        let before = sequences.lowerBound * (shard.sequenceLength + 2)
        let (matrix, panels) =
            switch source {
            case .gates(let layer, let group):
                (
                    layers[layer].record.pointer + (before * Self.groups + rows * group) * units,
                    Panels(units: units)
                )
            case .logits: (logitsGradient.pointer + before * vocabularySize, Panels(units: vocabularySize))
            }
        return TapePanel(
            start: matrix + panels.offset(panel, rows: rows), rows: rows, sequences: sequences.count,
            width: panels.columns(panel).count)
    }

    /// Keeps a row of d(loss)/d(logits), or brings it back.
    func copyLogitsGradient(_ place: RowPlace, _ time: Int, row: UnsafeMutablePointer<Float>, keep: Bool) {
        let panels = Panels(units: vocabularySize)
        let base = logitsGradient.pointer + place.firstPanelRow * vocabularySize
        for panel in 0..<panels.count {
            let columns = panels.columns(panel)
            let kept = base + panels.offset(panel, rows: place.panelRows) + place.panelRow(time) * columns.count
            let given = row + columns.lowerBound
            if keep {
                kept.update(from: given, count: columns.count)
            } else {
                given.update(from: kept, count: columns.count)
            }
        }
    }
}

/// A panel of a micro-batch: a row of zeros for each sequence, the tokens, and zeros again.
struct TapePanel {
    /// Floats behind the last panel that its products may read.
    static let behind = 32

    private let start: UnsafeMutablePointer<Float>
    private let rows: Int
    private let sequences: Int
    private let width: Int

    init(start: UnsafeMutablePointer<Float>, rows: Int, sequences: Int, width: Int) {
        self.start = start
        self.rows = rows
        self.sequences = sequences
        self.width = width
    }

    /// The whole panel.
    var all: UnsafeBufferPointer<Float> { UnsafeBufferPointer(start: start, count: rows * width) }

    /// The tokens: [tokens][width].
    var tokens: UnsafeMutablePointer<Float> { start + sequences * width }

    /// A row for each state, [states][width]: that of the token after the state, zeros for the last.
    var byStateBefore: UnsafePointer<Float> { UnsafePointer(tokens) }

    /// A row for each state, [states][width]: that of the token before the state, zeros for the first.
    var byStateAfter: UnsafePointer<Float> { UnsafePointer(start) }
}
