extension Communicator {
    /// Runs `body` on every rank, and throws on all of them if it throws on one; collective.
    ///
    /// For work that may fail on some ranks only, such as writing a file on rank 0; `body` itself
    /// doesn't communicate.
    ///
    ///     try ranks.collectively {
    ///         if ranks.isRoot { try writeSamples() }
    ///     }
    ///
    /// - Throws: `CollectiveError` with the lowest failing rank's error and the names of all failing ranks.
    public func collectively<Value>(_ body: () throws -> Value) throws -> Value {
        try ReplicaAgreement(self).collectively(body)
    }
}
