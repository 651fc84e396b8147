/// One worker's forward and backward passes through the recurrent layers, as a member of a team.
final class TrainingWorker: @unchecked Sendable {
    private let tape: Tape
    private let layers: [LayerTape]
    private let rowOffsets: [RowOffsets]
    /// The number of the rank's rows before the team's.
    private let firstRow: Int
    private let member: Int
    private let forwardPass: ForwardPass
    private let backwardPass: BackwardPass
    /// The team's input sampling; nil if all inputs come from the text.
    private let sampling: InputSampling?
    /// The table rows of a time step's inputs, one per row.
    private let inputs: AlignedBuffer<UInt16>
    /// The worker's seconds in the current step, including waits for other members.
    private(set) var seconds = (forward: 0.0, backward: 0.0)

    /// Prepares the members of a team.
    ///
    /// - Throws: `DTrainError` with `internal` if memory runs out.
    static func all(
        _ team: Team, weights: PackedWeights, parameters: UnsafePointer<Float>, tape: Tape,
        dropout: DropoutMasks.Use = DropoutMasks.Use(.none), sampling: InputSampling? = nil
    ) throws -> [TrainingWorker] {
        let states = try TeamStates(team, weights: weights, dropout: dropout, samplesInputs: sampling != nil)
        let gradients = try TeamGradients(team, weights: weights, dropout: dropout)
        return try (0..<team.count).map { member in
            try TrainingWorker(
                team, member, sampling,
                ForwardPass(states, member: member, weights: weights, parameters: parameters),
                BackwardPass(gradients, member: member, weights: weights, tape: tape, dropout: dropout), tape)
        }
    }

    private init(
        _ team: Team, _ member: Int, _ sampling: InputSampling?, _ forward: ForwardPass, _ backward: BackwardPass,
        _ tape: Tape
    ) throws {
        (self.member, self.sampling, self.tape) = (member, sampling, tape)
        (forwardPass, backwardPass) = (forward, backward)
        layers = tape.layers.indices.map(tape.layer)
        rowOffsets = team.rows.map(tape.rankBatch.offsets)
        firstRow = team.rows.lowerBound
        inputs = try AlignedBuffer(count: team.rows.count)
    }

    /// Runs from the first time step to the last; all members must call this.
    func forward() {
        let start = Clock.seconds
        var recording = ForwardPass.Recording(
            layers: layers, rowOffsets: rowOffsets, firstRow: firstRow, masks: tape.layerMasks, time: 0)
        if tape.continues { forwardPass.resume(recording) } else { forwardPass.reset() }
        for time in 0..<tape.rankBatch.sequenceLength {
            recording.time = time
            if member == 0 { tape.heartbeat.beat() }
            if time > 0, let rate = tape.sampling {
                sampling?.draw(
                    rate, time: time, after: forwardPass.top(isDropping: recording.masks != nil), member: member)
            }
            for (row, offsets) in rowOffsets.enumerated() {
                inputs[row] = tape.inputs[offsets.firstToken + offsets.token(time)]
            }
            forwardPass.advance(inputs.pointer, recording: recording)
        }
        seconds.forward = Clock.seconds - start
    }

    /// Runs from the last time step to the first, and leaves the gates' gradients on the tape.
    ///
    /// All members must call this.
    func backward() {
        let start = Clock.seconds
        backwardPass.run(tape.layerMasks)
        seconds.backward = Clock.seconds - start
    }
}
