/// One worker's part of a step: its rows through all time steps and back, without a barrier.
final class TrainingWorker: @unchecked Sendable {
    private let tape: Tape
    private let places: [RowPlace]
    private let forward: ForwardPass
    private let head: LossHead
    private let backward: BackwardPass
    /// The table rows of a time step's inputs, one per row.
    private let inputs: AlignedBuffer<UInt16>
    /// The worker's own forward, head and backward seconds of the step.
    private(set) var times = PassTimes()

    /// Prepares a worker for some rows of the rank.
    ///
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    init(rows: Range<Int>, weights: PackedWeights, parameters: UnsafePointer<Float>, tape: Tape) throws {
        self.tape = tape
        places = rows.map(tape.rankBatch.place)
        forward = try ForwardPass(rows: rows.count, weights: weights, parameters: parameters)
        head = try LossHead(rows: rows, weights: weights, parameters: parameters, tape: tape)
        backward = try BackwardPass(rows: rows, weights: weights, tape: tape)
        inputs = try AlignedBuffer(count: rows.count)
    }

    /// Runs forward, loss and backward through time; the gates' and logits' gradients end on the tape, as far as it keeps them.
    func run(_ loss: RowLoss) throws {
        times = PassTimes()
        forward.reset()
        var recording = ForwardPass.Recording(tape: tape, places: places, time: 0)
        for time in 0..<tape.rankBatch.sequenceLength {
            recording.time = time
            tape.heartbeat.beat()
            for (row, place) in places.enumerated() { inputs[row] = tape.inputs[place.firstToken + place.token(time)] }
            try Clock.time(&times.forward) { try forward.advance(inputs.pointer, recording: recording) }
            try Clock.time(&times.head) { try head.run(time, logits: forward.logits.pointer, loss) }
        }
        try Clock.time(&times.backward) { try backward.run() }
    }
}

/// The seconds of one worker's passes.
struct PassTimes {
    /// The forward pass except the head.
    var forward = 0.0
    /// Softmax, loss and their gradients.
    var head = 0.0
    /// Backward through time.
    var backward = 0.0
}
