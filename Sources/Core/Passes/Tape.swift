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
        /// h after each token as the layer above or the head gets it, where units are dropped: [tokens][H].
        let output: AlignedBuffer<Float>?
    }

    /// A matrix that is read in panels.
    enum PanelSource: Hashable, Sendable {
        /// A group of a recurrent layer's record.
        case gates(layer: Int, group: Int)
        /// d(loss)/d(logits).
        case logits
    }

    /// How the dense layer's weights get d(loss)/d(logits); both ways give the same bits.
    enum LogitsGradient: Hashable, Sendable {
        /// The tape keeps it: V numbers a token.
        case kept
        /// It is computed again, for which the tape keeps two numbers a token.
        case recomputed

        /// Kept numbers for each parameter beyond which computing them again is worth its time.
        private static let mostKept = 4

        /// The way that suits a rank's tokens.
        init(tokens: Int, layout: ParameterLayout) {
            let kept = Double(tokens) * Double(layout.configuration.vocabularySize)
            self = kept > Double(Self.mostKept) * Double(layout.count) ? .recomputed : .kept
        }
    }

    let rankBatch: RankBatch
    let units: Int
    let vocabularySize: Int
    let layers: [Layer]
    let cell: Cell
    /// Whether the states before the first token are carried ones instead of zeros.
    var continues = false
    /// Which units are dropped; nil without dropout.
    let masks: DropoutMasks?
    /// Whether the present pass drops units.
    var isDropping = false
    /// How the present pass draws inputs, which then replace those of the text here; nil where it draws none.
    var sampling: InputSampling.Rate?
    /// The panels of d(loss)/d(logits) for each micro-batch; nil where they are computed again.
    private let logitsGradient: AlignedBuffer<Float>?
    /// What remains of each token's softmax: enough for its gradient, with the logits.
    let softmax: AlignedBuffer<dtrain_softmax>
    /// d(loss)/d(h) of the top layer, as far as it comes from the token's own loss: [tokens][H] floats.
    ///
    /// The backward pass is the last that reads it; the weight gradient packs the top layer's states here.
    let outputGradients: AlignedBuffer<UInt32>
    // The inputs' rows of the first layer's table, target ids and losses (nats), one per token.
    let inputs: AlignedBuffer<UInt16>
    let targets: AlignedBuffer<UInt16>
    let losses: AlignedBuffer<Double>
    /// Beats with each time step of a team, and with each piece of the head.
    let heartbeat: Heartbeat

    /// Allocates a tape.
    ///
    /// - Parameters:
    ///   - dropout: the masks that passes may need.
    ///   - seed: of the masks.
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    init(
        _ configuration: ModelConfiguration, rankBatch: RankBatch, logits: LogitsGradient,
        dropout: DropoutMasks.Use = DropoutMasks.Use(.none), seed: UInt64 = 0, heartbeat: Heartbeat
    ) throws {
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
                record: try AlignedBuffer(count: tokens * cell.recordGroups * units + TapePanel.behind),
                output: dropout.inputs ? try AlignedBuffer(count: tokens * units) : nil)
        }
        masks = dropout.isAny ? try DropoutMasks(dropout, configuration, rankBatch: rankBatch, seed: seed) : nil
        logitsGradient =
            logits == .kept
            ? try AlignedBuffer(count: tokens * vocabularySize, behind: TapePanel.behind) : nil
        softmax = try AlignedBuffer(count: tokens)
        let packedUnits = units.groups(of: DTRAIN_STATE_GROUP) * DTRAIN_STATE_GROUP
        outputGradients = try AlignedBuffer(
            count: rankBatch.count * rankBatch.microBatchSize * rankBatch.sequenceLength * packedUnits)
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

    /// d(loss)/d(h) of the top layer from a token of the rank on: [tokens][H].
    func outputGradient(from token: Int) -> UnsafeMutablePointer<Float> {
        UnsafeMutableRawPointer(outputGradients.pointer).assumingMemoryBound(to: Float.self) + token * units
    }

    /// The top layer's h after a run of a micro-batch's tokens, as the head gets it: [tokens][H].
    func topStates(of microBatch: Int, from token: Int = 0) -> UnsafePointer<Float> {
        outputs(layer: layers.count - 1, of: microBatch, from: token)
    }

    /// A layer's h after a run of a micro-batch's tokens, as the layer above or the head gets it: [tokens][H].
    func outputs(layer index: Int, of microBatch: Int, from token: Int = 0) -> UnsafePointer<Float> {
        if isDropping, let output = layers[index].output {
            return UnsafePointer(output.pointer + (rankBatch.tokens(of: microBatch).before + token) * units)
        }
        let first = rankBatch.firstStateAfterToken(of: microBatch) + token
        return UnsafePointer(layers[index].hidden.pointer + first * units)
    }

    /// A panel of a micro-batch, from a group of a record or from d(loss)/d(logits); nil where the tape doesn't keep that.
    func panel(_ source: PanelSource, microBatch: Int, panel: Int) -> TapePanel? {
        let (rows, before) = rankBatch.tokens(of: microBatch)
        let (matrix, panels): (UnsafeMutablePointer<Float>, Panels)
        switch source {
        case .gates(let layer, let group):
            matrix = layers[layer].record.pointer + (before * cell.recordGroups + rows * group) * units
            panels = Panels(units: units)
        case .logits:
            guard let logitsGradient else { return nil }
            matrix = logitsGradient.pointer + before * vocabularySize
            panels = Panels(units: vocabularySize)
        }
        return TapePanel(
            tokens: matrix + panels.offset(panel, rows: rows), rows: rows,
            sequences: rankBatch.rows(of: microBatch).count,
            width: panels.columns(panel).count)
    }

    /// Stores the row of a micro-batch's token in d(loss)/d(logits), if the tape keeps it.
    func storeLogitsGradient(of token: Int, microBatch: Int, from row: UnsafePointer<Float>) {
        guard let logitsGradient else { return }
        let (panels, tokens) = (Panels(units: vocabularySize), rankBatch.tokens(of: microBatch))
        let base = logitsGradient.pointer + tokens.before * vocabularySize
        for panel in 0..<panels.count {
            let columns = panels.columns(panel)
            (base + panels.offset(panel, rows: tokens.count) + token * columns.count).update(
                from: row + columns.lowerBound, count: columns.count)
        }
    }
}

/// A panel of a micro-batch, a row for each token.
struct TapePanel {
    /// Readable floats that products need behind the last panel.
    static let behind = DTRAIN_LINE

    /// [tokens][width].
    let tokens: UnsafeMutablePointer<Float>
    let rows: Int
    let width: Int
    private let sequences: Int

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
