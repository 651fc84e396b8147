import CKernels

/// The addresses of one recurrent layer's values on the tape, for loops over rows; valid while the
/// tape lives.
///
/// Plain addresses need no reference counting. For memory shared by all workers, counting would
/// cost more than the loops' own work.
struct LayerTape {
    private let hidden: UnsafeMutablePointer<Float>
    private let memory: UnsafeMutablePointer<Float>
    private let record: UnsafeMutablePointer<Float>
    private let output: UnsafeMutablePointer<Float>?
    private let units: Int
    private let memoryUnits: Int
    /// The floats per token's record.
    private let recorded: Int

    init(_ layer: Tape.Layer, cell: Cell, units: Int) {
        hidden = layer.hidden.pointer
        memory = layer.memory.pointer
        record = layer.record.pointer
        output = layer.output?.pointer
        self.units = units
        memoryUnits = cell.memoryUnits(units)
        recorded = cell.recordGroups * units
    }

    /// Returns the state of a row before the token at `time`; `time` = T gives the state after the
    /// last token.
    func hidden(_ offsets: RowOffsets, _ time: Int) -> UnsafeMutablePointer<Float> {
        hidden + (offsets.firstState + offsets.token(time)) * units
    }

    /// Returns the memory of a row before the token at `time`; empty in cells without one.
    func memory(_ offsets: RowOffsets, _ time: Int) -> UnsafeMutablePointer<Float> {
        memory + (offsets.firstState + offsets.token(time)) * memoryUnits
    }

    /// Returns h of a token of the rank with dropped units; nil without dropout of outputs.
    func output(_ token: Int) -> UnsafeMutablePointer<Float>? { output.map { $0 + token * units } }

    /// Returns the record of a row's token for the kernels.
    func record(_ offsets: RowOffsets, _ time: Int) -> dtrain_record {
        dtrain_record(
            values: record + offsets.firstToken * recorded, rows: Int64(offsets.tokens),
            row: Int64(offsets.token(time)), hidden: hidden(offsets, time + 1), memory: memory(offsets, time + 1))
    }
}
