import CKernels

/// What the forward pass of a rank's micro-batches keeps for the backward pass, which then replaces it by gradients.
///
/// H units, G gates, T tokens a sequence, V vocabulary; layout: see `RankBatch`.
final class Tape: @unchecked Sendable {
    /// What one recurrent layer keeps.
    struct Layer {
        /// [T + 1 states per sequence][H]: h before each token and after the last.
        let hidden: AlignedBuffer<Float>
        /// [T + 1 states per sequence][H]: the second state of cells that have one, else empty.
        let memory: AlignedBuffer<Float>
        /// The cell's groups of panels a micro-batch, as `dtrain_record` says.
        let record: AlignedBuffer<Float>
    }

    let rankBatch: RankBatch
    let units: Int
    let vocabularySize: Int
    let layers: [Layer]
    private let cell: Cell
    /// Panels of d(loss)/d(logits) a micro-batch, likewise.
    let logitsGradient: AlignedBuffer<Float>
    /// Input ids, target ids and losses (nats), a token each.
    let inputs: AlignedBuffer<UInt16>
    let targets: AlignedBuffer<UInt16>
    let losses: AlignedBuffer<Double>
    /// Is told of each time step.
    let heartbeat: Heartbeat

    init(_ configuration: ModelConfiguration, rankBatch: RankBatch, heartbeat: Heartbeat) throws {
        self.rankBatch = rankBatch
        self.heartbeat = heartbeat
        cell = configuration.cell
        units = configuration.rnnUnits
        vocabularySize = configuration.vocabularySize
        let states = rankBatch.rows * (rankBatch.sequenceLength + 1)
        let (cell, units, tokens) = (cell, units, rankBatch.tokens)
        layers = try (0..<configuration.layers).map { _ in
            Layer(
                hidden: try AlignedBuffer(count: states * units),
                memory: try AlignedBuffer(count: states * cell.memoryUnits(units)),
                record: try AlignedBuffer(count: tokens * cell.recordGroups * units + TapePanel.behind))
        }
        logitsGradient = try AlignedBuffer(count: tokens * vocabularySize + TapePanel.behind)
        inputs = try AlignedBuffer(count: rankBatch.tokens)
        targets = try AlignedBuffer(count: rankBatch.tokens)
        losses = try AlignedBuffer(count: rankBatch.tokens)
    }

    /// Where a layer's values lie.
    func layer(_ index: Int) -> LayerTape { LayerTape(layers[index], cell: cell, units: units) }

    /// A panel of a micro-batch: of a record's group, or of d(loss)/d(logits).
    func panel(_ source: PanelTask.Source, microBatch: Int, panel: Int) -> TapePanel {
        let (rows, before) = rankBatch.tokens(of: microBatch)
        let (matrix, panels) =
            switch source {
            case .gates(let layer, let group):
                (
                    layers[layer].record.pointer + (before * cell.recordGroups + rows * group) * units,
                    Panels(units: units)
                )
            case .logits: (logitsGradient.pointer + before * vocabularySize, Panels(units: vocabularySize))
            }
        return TapePanel(
            tokens: matrix + panels.offset(panel, rows: rows), rows: rows,
            sequences: rankBatch.rows(of: microBatch).count,
            width: panels.columns(panel).count)
    }

    /// Keeps a row of d(loss)/d(logits), or brings it back.
    func copyLogitsGradient(_ place: RowPlace, _ time: Int, row: UnsafeMutablePointer<Float>, keep: Bool) {
        let panels = Panels(units: vocabularySize)
        let base = logitsGradient.pointer + place.firstToken * vocabularySize
        for panel in 0..<panels.count {
            let columns = panels.columns(panel)
            let kept = base + panels.offset(panel, rows: place.tokens) + place.token(time) * columns.count
            let given = row + columns.lowerBound
            if keep {
                kept.update(from: given, count: columns.count)
            } else {
                given.update(from: kept, count: columns.count)
            }
        }
    }
}

/// A panel of a micro-batch, a row for each token.
struct TapePanel {
    /// Floats behind the last panel that its products may read.
    static let behind = DTRAIN_LINE

    /// [tokens][width].
    let tokens: UnsafeMutablePointer<Float>
    private let rows: Int
    private let sequences: Int
    private let width: Int

    init(tokens: UnsafeMutablePointer<Float>, rows: Int, sequences: Int, width: Int) {
        self.tokens = tokens
        self.rows = rows
        self.sequences = sequences
        self.width = width
    }

    /// The whole panel.
    var all: UnsafeBufferPointer<Float> { UnsafeBufferPointer(start: tokens, count: rows * width) }

    /// The tokens but for the sequences' first, whose state before them is zero.
    var afterFirst: UnsafePointer<Float> { UnsafePointer(tokens + sequences * width) }
}
