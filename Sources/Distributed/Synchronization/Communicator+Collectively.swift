extension Communicator {
    /// Runs `body` on every rank, and throws on all ranks if it throws on any; collective.
    ///
    /// Use this for an action that may fail on some ranks only, such as writing a file on rank 0.
    /// `body` itself must not communicate.
    ///
    ///     try ranks.collectively {
    ///         if ranks.isRoot { try writeSamples() }
    ///     }
    ///
    /// - Throws: `CollectiveError` with the lowest failing rank's error and the names of all
    ///   failing ranks.
    public func collectively<Value>(_ body: () throws -> Value) throws -> Value {
        try ReplicaAgreement(self).collectively(body)
    }
}
