import DTrainCore

/// The gates of a cell, a letter each, in the order of their columns in dtrain's kernels and biases.
///
/// z is the update gate, r the reset gate, h the candidate of a GRU (PyTorch's n) and the only group of a SimpleRNN; i, f, o are
/// the input, forget and output gates of an LSTM, c its candidate (PyTorch's g).
enum GateOrder {
    /// dtrain's order, which is Keras's.
    static func own(_ cell: Cell) -> String { own[cell] ?? "" }

    private static let own: [Cell: String] = [.gru: "zrh", .lstm: "ifco", .simpleRNN: "h"]
}
