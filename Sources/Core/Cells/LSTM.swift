import CKernels

extension Cell {
    /// The long short-term memory, whose second state is c; the forget gate's bias starts at 1.
    ///
    ///     i = σ(x·Wi + h·Ui + bi)     f = σ(x·Wf + h·Uf + bf)
    ///     c̃ = tanh(x·Wc + h·Uc + bc)     o = σ(x·Wo + h·Uo + bo)
    ///     c' = f ⊙ c + i ⊙ c̃     h' = o ⊙ tanh(c')
    public static let lstm = Cell(
        rawValue: "lstm", layerName: "lstm", layerClass: "LSTM", gates: 4, initialBias: [[0, 1, 0, 0]],
        hasMemory: true,
        routes: (0..<4).map { Route(gate: $0, to: [.recurrentKernel, .kernel, .bias(row: 0)]) },
        forward: dtrain_lstm_forward, backward: dtrain_lstm_backward)
}
