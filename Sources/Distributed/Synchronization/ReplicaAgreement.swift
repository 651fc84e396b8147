import DTrainCore

/// Checks that the ranks do and have the same; each check is collective, and fails on all ranks with the same error.
package struct ReplicaAgreement {
    private let communicator: any Communicator

    /// Checks among the ranks of that communicator.
    package init(_ communicator: any Communicator) {
        self.communicator = communicator
    }

    /// Refuses to go on when ranks were started with different settings or data.
    ///
    /// - Parameter fingerprint: what must agree: each setting's name as the user knows it, and its value.
    /// - Throws: `CollectiveError` of category `usage` that names the first setting that differs, the ranks, and both
    ///   values.
    package func requireSameOnAllRanks(_ fingerprint: [(key: String, value: String)]) throws {
        let texts = try communicator.allGather(encode(fingerprint))
        guard texts.contains(where: { $0 != texts[0] }) else { return }
        let settings = texts.map(decode)
        let keys = settings[0].map(\.key) + settings.dropFirst().joined().map(\.key)
        for key in keys {
            let values = settings.map { setting in setting.first { $0.key == key }?.value }
            let differing = values.indices.filter { values[$0] != values[0] }
            guard let first = differing.first else { continue }
            let names = try name(ranks: differing)
            func quoted(_ value: String?) -> String { value.map { "'\($0)'" } ?? "nothing" }
            throw CollectiveError(
                DTrainError(
                    .usage, "\(key) differs: \(quoted(values[0])) on rank 0, \(quoted(values[first])) on \(names)",
                    hint: "start all ranks with the same settings and data"))
        }
        throw CollectiveError(
            DTrainError(
                .usage, "ranks were started with settings in different order; start the same dtrain on all hosts"))
    }

    /// Refuses to go on when a value differs between ranks; collective.
    ///
    /// - Parameters:
    ///   - key: the value's name as the user knows it.
    ///   - value: this rank's.
    ///   - shown: what the message says about it, with which the user finds this rank's.
    ///   - hint: what to do.
    /// - Throws: `CollectiveError` of category `usage` that names the ranks with their hosts, and what each has.
    package func requireSame(_ key: String, _ value: String, shown: String, hint: String) throws {
        let values = try communicator.allGather(value)
        guard values.contains(where: { $0 != values[0] }) else { return }
        let shown = try communicator.allGather(shown)
        let differing = values.indices.filter { values[$0] != values[0] }
        throw CollectiveError(
            DTrainError(
                .usage,
                "\(key) differs: \(shown[0]) on \(try name(ranks: [0])), \(shown[differing[0]]) on "
                    + (try name(ranks: differing)),
                hint: hint))
    }

    /// Makes the errors of single ranks known to all, before any rank waits for another.
    ///
    /// - Parameter localError: what went wrong on this rank, if anything.
    /// - Throws: `CollectiveError` with the lowest failing rank's category and message, and the other failing ranks'
    ///   names.
    package func agree(localError: DTrainError?) throws {
        let own = localError.map(encode) ?? ""
        let texts = try communicator.allGather(own)
        let failed = texts.indices.filter { !texts[$0].isEmpty }
        guard let first = failed.first else { return }
        let error = decodeError(texts[first])
        guard communicator.size > 1 else { throw CollectiveError(error) }
        let others = failed.dropFirst().isEmpty ? "" : " (and on \(try name(ranks: Array(failed.dropFirst()))))"
        throw CollectiveError(
            DTrainError(
                error.category, "\(try name(ranks: [first])): \(error.message)\(others)", hint: error.hint))
    }

    /// Runs `body` on this rank and agrees on its outcome; collective.
    ///
    /// `body` itself must not communicate.
    ///
    /// - Throws: what `agree(localError:)` throws when `body` has failed on any rank.
    package func collectively<Value>(_ body: () throws -> Value) throws -> Value {
        let result = Result { try body() }
        switch result {
        case .success: try agree(localError: nil)
        case .failure(let error as DTrainError): try agree(localError: error)
        case .failure(let error): try agree(localError: DTrainError(.internal, "\(error)"))
        }
        return try result.get()
    }

    /// Checks that all ranks hold the same bytes (weights), by their XXH3 checksums.
    ///
    /// - Parameters:
    ///   - bytes: this rank's replica.
    ///   - what: what the bytes are, for the message: "the weights after step 7".
    /// - Throws: `CollectiveError` of category `internal` that names the ranks that differ from most, or all ranks where
    ///   no majority tells who is wrong.
    package func requireSameReplica(_ bytes: UnsafeRawBufferPointer, _ what: String) throws {
        let checksums = try communicator.allGather(Checksum.hexadecimal(of: bytes))
        let votes = Dictionary(grouping: checksums.indices) { checksums[$0] }
        guard votes.count > 1 else { return }
        let difference: String
        if let majority = votes.first(where: { $0.value.count * 2 > checksums.count })?.key {
            let odd = checksums.indices.filter { checksums[$0] != majority }
            difference = "on \(try name(ranks: odd)) differ from those on most ranks"
        } else {
            let groups = try votes.values.sorted { $0[0] < $1[0] }.map { try name(ranks: $0) }
            difference = "differ: those on \(groups.joined(separator: " are not those on "))"
        }
        throw CollectiveError(
            DTrainError(
                .internal,
                "\(what) \(difference); run the same dtrain everywhere, check the machines' memory, and resume from the last checkpoint"
            ))
    }

    /// `rank 1 (alpha), rank 3 (beta)`; collective.
    private func name(ranks: [Int]) throws -> String {
        let names = try communicator.allGather(communicator.name)
        return ranks.map { names[$0] }.joined(separator: ", ")
    }

    // Neither separator occurs in a flag; where one does in a value, the comparison of whole texts still finds a
    // difference.
    private func encode(_ fingerprint: [(key: String, value: String)]) -> String {
        fingerprint.map { "\($0.key)\u{1F}\($0.value)" }.joined(separator: "\u{1E}")
    }

    private func decode(_ text: String) -> [(key: String, value: String)] {
        text.split(separator: "\u{1E}").map { setting in
            let parts = setting.split(separator: "\u{1F}", maxSplits: 1, omittingEmptySubsequences: false)
            return (String(parts[0]), parts.count > 1 ? String(parts[1]) : "")
        }
    }

    private func encode(_ error: DTrainError) -> String {
        "\(error.category.rawValue)\u{1F}\(error.message)" + (error.hint.map { "\u{1F}\($0)" } ?? "")
    }

    private func decodeError(_ text: String) -> DTrainError {
        let parts = text.split(separator: "\u{1F}", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
        let category = parts.first.flatMap { Int32($0) }.map(DTrainError.Category.init) ?? .internal
        return DTrainError(category, parts.count > 1 ? parts[1] : "", hint: parts.count > 2 ? parts[2] : nil)
    }
}
