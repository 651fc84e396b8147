extension TrainingRanks {
    /// Agrees on the arithmetic of a training: the least of what the ranks' CPUs offer.
    ///
    /// Collective, before any memory is allocated.
    ///
    /// - Throws: `DTrainError` with `usage` on all ranks when `DTRAIN_MAX_ISA` of one names what its CPU lacks, or when the ranks
    ///   have different versions of dtrain.
    package func agreeOnArithmetic(for precision: Precision) throws -> Arithmetic {
        try agree(offering: collectively { try Arithmetic.best(for: precision) })
    }

    /// Agrees on the least of the ranks' offers; collective.
    func agree(offering offer: Arithmetic) throws -> Arithmetic {
        let names = try allGather(offer.rawValue)
        return try collectively {
            let offers = names.compactMap(Arithmetic.init)
            guard offers.count == names.count, let common = Arithmetic.common(offers) else {
                throw DTrainError(
                    .usage,
                    "the ranks can't agree on an arithmetic: they offer "
                        + Set(names).sorted().map(\.quotedForMessage).joined(separator: ", "),
                    hint: "start the same dtrain with the same `precision` on all hosts")
            }
            return common
        }
    }
}
