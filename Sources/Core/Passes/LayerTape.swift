import CKernels

/// Where one recurrent layer's values lie in the tape, for loops over rows.
///
/// Addresses alone: counting references to what all workers share would cost such a loop more than its work. Valid as long as
/// the tape lives.
struct LayerTape {
    private let hidden: UnsafeMutablePointer<Float>
    private let cell: UnsafeMutablePointer<Float>?
    private let record: UnsafeMutablePointer<Float>
    private let units: Int

    init(_ layer: Tape.Layer, units: Int) {
        hidden = layer.hidden.pointer
        cell = layer.cell?.pointer
        record = layer.record.pointer
        self.units = units
    }

    /// The state of a row before the token at `time`; T is the state after the last.
    func hidden(_ place: RowPlace, _ time: Int) -> UnsafeMutablePointer<Float> {
        hidden + (place.firstState + place.token(time)) * units
    }

    /// The LSTM cell of a row before the token at `time`.
    func cell(_ place: RowPlace, _ time: Int) -> UnsafeMutablePointer<Float>? {
        cell.map { $0 + (place.firstState + place.token(time)) * units }
    }

    /// The record of a row's token for the kernels.
    func record(_ place: RowPlace, _ time: Int) -> dtrain_record {
        dtrain_record(
            values: record + place.firstToken * Tape.groups * units, rows: Int64(place.tokens),
            row: Int64(place.token(time)), units: Int64(units), hidden: hidden(place, time + 1),
            cell: cell(place, time + 1))
    }
}
