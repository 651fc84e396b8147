extension CarriedStates {
    /// Allocates zero states for the rows of a replica.
    ///
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    package convenience init(_ replica: Replica) throws {
        try self.init(replica.layout.configuration, rows: replica.configuration.rankBatch.rows)
    }
}
