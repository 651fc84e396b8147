import DTrainCore

/// The gates of a cell, a letter each, in the order of their columns in dtrain's kernels and biases.
///
/// z is the update gate, r the reset gate, h the candidate of a GRU (PyTorch's n) and the only group of a SimpleRNN; i, f, o are
/// the input, forget and output gates of an LSTM, c its candidate (PyTorch's g).
enum GateOrder {
    /// dtrain's order, which is Keras's.
    static func dtrainOrder(_ cell: Cell) throws -> String { try require(dtrainOrders[cell], of: cell, in: "dtrain") }

    /// What a table of a format has for a cell.
    ///
    /// - Throws: `DTrainError` with `internal` when a new cell isn't in it yet.
    static func require<Entry>(_ entry: Entry?, of cell: Cell, in format: String) throws -> Entry {
        guard let entry else {
            throw DTrainError(
                .internal, "the table of gates of \(format) lacks the cell \(cell.rawValue); please report this")
        }
        return entry
    }

    private static let dtrainOrders: [Cell: String] = [.gru: "zrh", .lstm: "ifco", .simpleRNN: "h"]
}
