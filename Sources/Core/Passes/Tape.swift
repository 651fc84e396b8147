import CKernels

/// The values that the forward pass stores for the backward pass, for a rank's micro-batches.
///
/// The backward pass replaces them by gradients.
///
/// H units, G gates, T tokens per sequence, V vocabulary size.
///
/// `RankBatch` describes the layout.
final class Tape: @unchecked Sendable {
    /// The values of one recurrent layer.
    struct Layer {
        /// h before each token and after the last: [T + 1 states per sequence][H].
        let hidden: AlignedBuffer<Float>
        /// The second state likewise: [T + 1 states per sequence][H]; empty for cells without one.
        let memory: AlignedBuffer<Float>
        /// The cell's record of each micro-batch in groups of panels, as `dtrain_record` describes.
        let record: AlignedBuffer<Float>
        /// h after each token with dropped units, as the layer above or the head reads it:
        /// [tokens][H]; nil without dropout of inputs.
        let output: AlignedBuffer<Float>?
    }

    /// A matrix of the tape that is read in panels.
    enum PanelSource: Hashable, Sendable {
        /// A group of a recurrent layer's record.
        case gates(layer: Int, group: Int)
        /// d(loss)/d(logits).
        case logits
    }

    /// The source of d(loss)/d(logits) for the gradient of the dense layer's weights; both give the
    /// same bits.
    enum LogitsGradient: Hashable, Sendable {
        /// The tape stores it, with V numbers per token.
        case kept
        /// It is recomputed from two numbers per token on the tape.
        case recomputed

        /// The most stored numbers per parameter; beyond it the saved memory is worth the
        /// recomputation.
        private static let maxKept = 4

        /// Chooses the source for a number of tokens.
        init(tokens: Int, layout: ParameterLayout) {
            let kept = Double(tokens) * Double(layout.configuration.vocabularySize)
            self = kept > Double(Self.maxKept) * Double(layout.count) ? .recomputed : .kept
        }
    }

    let rankBatch: RankBatch
    let units: Int
    let vocabularySize: Int
    let layers: [Layer]
    let cell: Cell
    /// Whether the states before the first token are carried over, not zeros.
    var continues = false
    /// The dropout masks; nil without dropout.
    let masks: DropoutMasks?
    /// Whether the current pass drops units.
    var isDropping = false
    /// The rate at which the current pass draws inputs, which then replace the text's in `inputs`;
    /// nil if it draws none.
    var sampling: InputSampling.Rate?
    /// The panels of d(loss)/d(logits) of each micro-batch; nil if they are recomputed.
    private let logitsGradient: AlignedBuffer<Float>?
    /// The numbers of each token's softmax that, with the logits, give its gradient.
    let softmax: AlignedBuffer<dtrain_softmax>
    /// d(loss)/d(h) of the top layer from each token's own loss: [tokens][H] floats.
    ///
    /// The memory is free after the backward pass, and the weight gradient packs the top layer's
    /// states there.
    let outputGradients: AlignedBuffer<UInt32>
    // The inputs' rows of the first layer's table, target ids and losses (nats), one per token.
    let inputs: AlignedBuffer<UInt16>
    let targets: AlignedBuffer<UInt16>
    let losses: AlignedBuffer<Double>
    /// The rank's heartbeat, which beats at each time step of a team and each piece of the head.
    let heartbeat: Heartbeat

    /// Allocates a tape.
    ///
    /// - Parameters:
    ///   - dropout: the kinds of masks that the passes may need.
    ///   - seed: the seed of the masks.
    /// - Throws: `DTrainError` with `internal` if memory runs out.
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
                record: try AlignedBuffer(count: tokens * cell.recordGroups * units + TapePanel.padding),
                output: dropout.inputs ? try AlignedBuffer(count: tokens * units) : nil)
        }
        masks = dropout.isAny ? try DropoutMasks(dropout, configuration, rankBatch: rankBatch, seed: seed) : nil
        logitsGradient =
            logits == .kept
            ? try AlignedBuffer(count: tokens * vocabularySize, padding: TapePanel.padding) : nil
        softmax = try AlignedBuffer(count: tokens)
        let packedUnits = units.groups(of: DTRAIN_STATE_GROUP) * DTRAIN_STATE_GROUP
        outputGradients = try AlignedBuffer(
            count: rankBatch.count * rankBatch.microBatchSize * rankBatch.sequenceLength * packedUnits)
        inputs = try AlignedBuffer(count: rankBatch.tokens)
        targets = try AlignedBuffer(count: rankBatch.tokens)
        losses = try AlignedBuffer(count: rankBatch.tokens)
    }

    /// Stores the T + 1 ids of one of the rank's sequences; rows are numbered from 0.
    ///
    /// The inputs stay ids until `BatchCharacters` has numbered all that occur.
    func store(_ ids: UnsafePointer<UInt16>, row: Int) {
        let offsets = rankBatch.offsets(of: row)
        for time in 0..<rankBatch.sequenceLength {
            let token = offsets.firstToken + offsets.token(time)
            inputs[token] = ids[time]
            targets[token] = ids[time + 1]
        }
    }

    /// Returns the addresses of a layer's values.
    func layer(_ index: Int) -> LayerTape { LayerTape(layers[index], cell: cell, units: units) }

    /// Returns d(loss)/d(h) of the top layer, starting at a token of the rank: [tokens][H].
    func outputGradient(from token: Int) -> UnsafeMutablePointer<Float> {
        UnsafeMutableRawPointer(outputGradients.pointer).assumingMemoryBound(to: Float.self) + token * units
    }

    /// Returns the top layer's h after a micro-batch's tokens from `token` on, as the head reads
    /// it: [tokens][H].
    func topStates(of microBatch: Int, from token: Int = 0) -> UnsafePointer<Float> {
        outputs(layer: layers.count - 1, of: microBatch, from: token)
    }

    /// Returns a layer's h after a micro-batch's tokens from `token` on, as the layer above or the
    /// head reads it: [tokens][H].
    func outputs(layer index: Int, of microBatch: Int, from token: Int = 0) -> UnsafePointer<Float> {
        if isDropping, let output = layers[index].output {
            return UnsafePointer(output.pointer + (rankBatch.tokens(of: microBatch).before + token) * units)
        }
        let first = rankBatch.firstStateAfterToken(of: microBatch) + token
        return UnsafePointer(layers[index].hidden.pointer + first * units)
    }

    /// Returns a panel of a micro-batch; nil if the tape doesn't store d(loss)/d(logits).
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

    /// Stores a token's row of d(loss)/d(logits), if the tape stores it.
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

/// A panel of a micro-batch, with a row for each token.
struct TapePanel {
    /// The readable floats that products need after the last panel.
    static let padding = DTRAIN_LINE

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

    /// The rows after each sequence's first token, whose previous state is zero.
    var afterFirst: UnsafePointer<Float> { UnsafePointer(tokens + sequences * width) }
}
