import CKernels

extension Cell {
    /// The gated recurrent unit in Keras's form with `reset_after`, its default.
    ///
    ///     z = σ(x·Wz + bz + h·Uz + cz)     r = σ(x·Wr + br + h·Ur + cr)
    ///     h̃ = tanh(x·Wh + bh + r ⊙ (h·Uh + ch))     h' = z ⊙ h + (1 − z) ⊙ h̃
    ///
    /// The bias has a row b for the input and a row c for the state: [2, 3H]. z and r have one
    /// gradient for both products; h̃ has one for h·Uh + ch and one for x·Wh + bh.
    public static let gru = Cell(
        rawValue: "gru", layerName: "gru", layerClass: "GRU", gates: 3, initialBias: [[0, 0, 0], [0, 0, 0]],
        hasMemory: false,
        routes: [
            Route(gate: 0, to: [.recurrentKernel, .bias(row: 1), .kernel, .bias(row: 0)]),
            Route(gate: 1, to: [.recurrentKernel, .bias(row: 1), .kernel, .bias(row: 0)]),
            Route(gate: 2, to: [.recurrentKernel, .bias(row: 1)]),
            Route(gate: 2, to: [.kernel, .bias(row: 0)]),
        ],
        forward: dtrain_gru_forward, backward: dtrain_gru_backward)
}
