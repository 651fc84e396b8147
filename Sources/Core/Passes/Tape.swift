import CKernels

/// The values that the forward pass of a rank's micro-batches keeps for the backward pass, which replaces them by gradients.
///
/// H units, G gates, T tokens a sequence, V vocabulary; layout: see `RankBatch`.
final class Tape: @unchecked Sendable {
    /// The values of one recurrent layer.
    struct Layer {
        /// [T + 1 states per sequence][H]: h before each token and after the last.
        let hidden: AlignedBuffer<Float>
        /// [T + 1 states per sequence][H]: the second state of cells that have one, else empty.
        let memory: AlignedBuffer<Float>
        /// The cell's groups of panels for each micro-batch, as `dtrain_record` describes.
        let record: AlignedBuffer<Float>
    }

    /// A matrix of which the tape has panels.
    enum PanelSource: Hashable, Sendable {
        /// A group of a recurrent layer's record.
        case gates(layer: Int, group: Int)
        /// d(loss)/d(logits).
        case logits
    }

    let rankBatch: RankBatch
    let units: Int
    let vocabularySize: Int
    let layers: [Layer]
    private let cell: Cell
    /// The panels of d(loss)/d(logits) for each micro-batch.
    let logitsGradient: AlignedBuffer<Float>
    // The inputs' rows of the first layer's table, target ids and losses (nats), one per token.
    let inputs: AlignedBuffer<UInt16>
    let targets: AlignedBuffer<UInt16>
    let losses: AlignedBuffer<Double>
    /// Beats with each time step.
    let heartbeat: Heartbeat

    /// Allocates a tape.
    ///
    /// - Throws: `DTrainError` with `internal` when memory runs out.
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

    /// Stores the T + 1 ids of one of the rank's sequences, numbered from 0.
    ///
    /// The inputs stay ids until `BatchCharacters` has numbered all that occur.
    func store(_ ids: UnsafePointer<UInt16>, row: Int) {
        let place = rankBatch.place(of: row)
        for time in 0..<rankBatch.sequenceLength {
            let token = place.firstToken + place.token(time)
            inputs[token] = ids[time]
            targets[token] = ids[time + 1]
        }
    }

    /// The addresses of a layer's values.
    func layer(_ index: Int) -> LayerTape { LayerTape(layers[index], cell: cell, units: units) }

    /// A panel of a micro-batch, from a group of a record or from d(loss)/d(logits).
    func panel(_ source: PanelSource, microBatch: Int, panel: Int) -> TapePanel {
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

    /// Stores a row of d(loss)/d(logits).
    func storeLogitsGradient(_ place: RowPlace, _ time: Int, from row: UnsafePointer<Float>) {
        forEachLogitsPanel(place, time) { stored, columns in
            stored.update(from: row + columns.lowerBound, count: columns.count)
        }
    }

    /// Loads a stored row of d(loss)/d(logits).
    func loadLogitsGradient(_ place: RowPlace, _ time: Int, to row: UnsafeMutablePointer<Float>) {
        forEachLogitsPanel(place, time) { stored, columns in
            (row + columns.lowerBound).update(from: stored, count: columns.count)
        }
    }

    /// Calls `body` with the stored part of each panel's columns of a row.
    @inline(__always)
    private func forEachLogitsPanel(
        _ place: RowPlace, _ time: Int, _ body: (UnsafeMutablePointer<Float>, Range<Int>) -> Void
    ) {
        let panels = Panels(units: vocabularySize)
        let base = logitsGradient.pointer + place.firstToken * vocabularySize
        for panel in 0..<panels.count {
            let columns = panels.columns(panel)
            body(base + panels.offset(panel, rows: place.tokens) + place.token(time) * columns.count, columns)
        }
    }
}

/// A panel of a micro-batch, a row for each token.
struct TapePanel {
    /// Readable floats that products need behind the last panel.
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

    /// The tokens after each sequence's first, whose previous state is zero.
    var afterFirst: UnsafePointer<Float> { UnsafePointer(tokens + sequences * width) }
}
