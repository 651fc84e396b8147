/// One worker's part of a step: its rows through all time steps and back, without a barrier.
final class TrainingWorker: @unchecked Sendable {
    /// The worker's rows within the rank's.
    private let rows: Range<Int>
    private let tape: Tape
    private let places: [RowPlace]
    private let forward: ForwardPass
    private let backward: BackwardPass
    private let denseBias: UnsafePointer<Float>
    /// The table rows of a time step's inputs, one per row.
    private let inputs: AlignedBuffer<UInt16>
    /// A row of logits with their bias, for a loss in Swift.
    private let logitsScratch: AlignedBuffer<Float>
    /// The worker's own forward, head and backward seconds of the step.
    private(set) var times = PassTimes()

    /// Prepares a worker for some rows of the rank.
    ///
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    init(rows: Range<Int>, weights: PackedWeights, parameters: UnsafePointer<Float>, tape: Tape) throws {
        self.rows = rows
        self.tape = tape
        places = rows.map(tape.rankBatch.place)
        forward = try ForwardPass(rows: rows.count, weights: weights, parameters: parameters)
        backward = try BackwardPass(weights: weights, tape: tape, places: places)
        denseBias = parameters + weights.layout.denseBias
        inputs = try AlignedBuffer(count: rows.count)
        logitsScratch = try AlignedBuffer(count: tape.vocabularySize)
    }

    /// Runs forward, loss and backward through time; the gates' and logits' gradients end on the tape.
    func run(_ loss: RowLoss) throws {
        times = PassTimes()
        forward.reset()
        var recording = ForwardPass.Recording(tape: tape, places: places, time: 0)
        for time in 0..<tape.rankBatch.sequenceLength {
            recording.time = time
            tape.heartbeat.beat()
            for (row, place) in places.enumerated() { inputs[row] = tape.inputs[place.firstToken + place.token(time)] }
            try Clock.time(&times.forward) { try forward.advance(inputs.pointer, recording: recording) }
            Clock.time(&times.head) { head(time, loss) }
        }
        try Clock.time(&times.backward) { try backward.run() }
    }

    /// Computes the loss of each row at a time step, and its gradient by the logits, scaled to the mean over the global batch.
    private func head(_ time: Int, _ loss: RowLoss) {
        let vocabularySize = tape.vocabularySize
        let scale = 1 / Float(tape.rankBatch.batchSize * tape.rankBatch.sequenceLength)
        for (row, place) in places.enumerated() {
            let logits = forward.logits.pointer + row * vocabularySize
            let token = place.firstToken + place.token(time)
            tape.losses[token] = loss(
                logits, bias: denseBias, count: vocabularySize, target: Int(tape.targets[token]), scale: scale,
                scratch: logitsScratch.pointer)
            tape.storeLogitsGradient(place, time, from: logits)
        }
    }
}

/// The seconds of one worker's passes.
struct PassTimes {
    /// The forward pass except the head.
    var forward = 0.0
    /// Softmax, loss and their gradient.
    var head = 0.0
    /// Backward through time.
    var backward = 0.0
}
