extension TrainingRanks {
    /// Agrees on the best arithmetic that the CPUs of all ranks support.
    ///
    /// Collective; call it before memory is allocated.
    ///
    /// - Throws: `DTrainError` with `usage` on all ranks when `DTRAIN_MAX_ISA` of a rank names an
    ///   instruction set that its CPU lacks, or when the ranks have different versions of dtrain.
    package func agreeOnArithmetic(for precision: Precision) throws -> Arithmetic {
        try agree(offering: collectively { try Arithmetic.offers(for: precision) })
    }

    /// Agrees on the best arithmetic in all ranks' offers, which are in ascending order;
    /// collective.
    func agree(offering offers: [Arithmetic]) throws -> Arithmetic {
        let separator: Character = ","
        let names = try allGather(offers.map(\.rawValue).joined(separator: String(separator)))
            .map { $0.split(separator: separator).map(String.init) }
        return try collectively {
            guard let common = Arithmetic.common(names.map { $0.compactMap(Arithmetic.init) }) else {
                throw DTrainError(
                    .usage,
                    "the ranks can't agree on an arithmetic: they offer "
                        + Set(names.compactMap(\.last)).sorted().map(\.quotedForMessage).joined(separator: ", "),
                    hint: "start the same dtrain with the same `precision` on all hosts")
            }
            return common
        }
    }
}
