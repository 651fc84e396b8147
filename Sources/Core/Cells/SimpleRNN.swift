import CKernels

extension Cell {
    /// Keras's SimpleRNN, a fully connected layer with feedback: h' = tanh(x·W + h·U + b).
    public static let simpleRNN = Cell(
        rawValue: "rnn", layerName: "simple_rnn", layerClass: "SimpleRNN", gates: 1, initialBias: [[0]],
        hasMemory: false, routes: [Route(gate: 0, to: [.recurrentKernel, .kernel, .bias(row: 0)])],
        forward: dtrain_simple_rnn_forward, backward: dtrain_simple_rnn_backward)
}
