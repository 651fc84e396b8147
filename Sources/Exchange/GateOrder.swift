import DTrainCore

/// The order of a cell's gates in dtrain's kernels and biases, a letter for each group of columns.
///
/// z is the update gate, r the reset gate, h the candidate of a GRU (PyTorch's n) and the only
/// group of a SimpleRNN; i, f, o are the input, forget and output gates of an LSTM, c its candidate
/// (PyTorch's g).
enum GateOrder {
    /// dtrain's order, which is Keras's.
    static func dtrainOrder(_ cell: Cell) throws -> String { try require(dtrainOrders[cell], of: cell, in: "dtrain") }

    /// Unwraps a cell's entry in a table of a format.
    ///
    /// - Throws: `DTrainError` with `internal` if the table lacks the cell.
    static func require<Entry>(_ entry: Entry?, of cell: Cell, in format: String) throws -> Entry {
        guard let entry else {
            throw DTrainError(
                .internal, "the table of gates of \(format) lacks the cell \(cell.rawValue); please report this")
        }
        return entry
    }

    private static let dtrainOrders: [Cell: String] = [.gru: "zrh", .lstm: "ifco", .simpleRNN: "h"]
}
