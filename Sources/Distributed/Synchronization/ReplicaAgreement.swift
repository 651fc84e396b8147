import DTrainCore

/// Checks that all ranks agree; each check is collective, and fails on all ranks with the same error.
public struct ReplicaAgreement {
    private let communicator: any Communicator

    /// Creates checks among the ranks of a communicator.
    public init(_ communicator: any Communicator) {
        self.communicator = communicator
    }

    /// Requires the same settings and data on all ranks; collective.
    ///
    /// - Parameter fingerprint: the name of each setting, as messages show it, and its value.
    /// - Throws: `CollectiveError` of category `usage` that names the first setting that differs,
    ///   the ranks, and both values.
    public func requireSameOnAllRanks(_ fingerprint: [(key: String, value: String)]) throws {
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
                    .usage,
                    "\(key) differs: \(quoted(values[0])) on rank 0, \(quoted(values[first])) on \(names); "
                        + "start all ranks with the same settings and data"))
        }
        throw CollectiveError(
            DTrainError(
                .usage, "ranks were started with settings in different order; start the same dtrain on all hosts"))
    }

    /// Shares the errors of single ranks with all ranks, before any rank waits for another; collective.
    ///
    /// - Parameter localError: the error of this rank, if any.
    /// - Throws: `CollectiveError` with the lowest failing rank's category and message, and the
    ///   other failing ranks' names.
    public func agree(localError: DTrainError?) throws {
        let own = localError.map { "\($0.category.rawValue) \($0.message)" } ?? ""
        let texts = try communicator.allGather(own)
        let failed = texts.indices.filter { !texts[$0].isEmpty }
        guard let first = failed.first else { return }
        let parts = texts[first].split(separator: " ", maxSplits: 1)
        let category = DTrainError.Category(rawValue: Int32(parts[0]) ?? DTrainError.Category.internal.rawValue)
        let message = parts.count > 1 ? String(parts[1]) : ""
        guard communicator.size > 1 else { throw CollectiveError(DTrainError(category, message)) }
        let others = failed.dropFirst().isEmpty ? "" : " (and on \(try name(ranks: Array(failed.dropFirst()))))"
        throw CollectiveError(DTrainError(category, "\(try name(ranks: [first])): \(message)\(others)"))
    }

    /// Runs `body` and throws on all ranks if it fails on any; collective.
    ///
    /// `body` itself must not communicate.
    ///
    /// - Throws: the error of `agree(localError:)` when `body` has failed on any rank.
    public func collectively<Value>(_ body: () throws -> Value) throws -> Value {
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
    ///   - what: the name of the bytes in the message: "the weights after step 7".
    /// - Throws: `CollectiveError` of category `internal` that names the ranks that differ from the
    ///   majority, or all ranks without a majority.
    public func requireSameReplica(_ bytes: UnsafeRawBufferPointer, _ what: String) throws {
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
                "\(what) \(difference); use machines of one type, check their memory, and resume from the last checkpoint"
            ))
    }

    /// `rank 1 (alpha), rank 3 (beta)`; collective.
    private func name(ranks: [Int]) throws -> String {
        let names = try communicator.allGather(communicator.name)
        return ranks.map { names[$0] }.joined(separator: ", ")
    }

    // The separators don't occur in names. If a value contains one, the comparison of the whole
    // texts still finds a difference.
    private func encode(_ fingerprint: [(key: String, value: String)]) -> String {
        fingerprint.map { "\($0.key)\u{1F}\($0.value)" }.joined(separator: "\u{1E}")
    }

    private func decode(_ text: String) -> [(key: String, value: String)] {
        text.split(separator: "\u{1E}").map { setting in
            let parts = setting.split(separator: "\u{1F}", maxSplits: 1, omittingEmptySubsequences: false)
            return (String(parts[0]), parts.count > 1 ? String(parts[1]) : "")
        }
    }
}
