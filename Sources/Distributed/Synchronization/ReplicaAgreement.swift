import DTrainCore

/// Checks that all ranks agree on settings, data, errors and weights.
///
/// Each check is collective and fails on all ranks with the same error.
package struct ReplicaAgreement {
    private let communicator: any Communicator

    /// Creates the checks for a communicator's ranks.
    package init(_ communicator: any Communicator) {
        self.communicator = communicator
    }

    /// Checks that all ranks were started with the same settings and data; collective.
    ///
    /// - Parameter fingerprint: the names and values that must agree; a name is a setting's, as the
    ///   user knows it.
    /// - Throws: `CollectiveError` of category `usage` naming the first setting that differs, the
    ///   ranks, and both values.
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

    /// Checks that a value is the same on all ranks; collective.
    ///
    /// - Parameters:
    ///   - key: the value's name as the user knows it.
    ///   - value: this rank's value.
    ///   - shown: a description of this rank's value for the message.
    ///   - hint: the next step for the user.
    /// - Throws: `CollectiveError` of category `usage` naming the ranks that differ, their hosts,
    ///   and both descriptions.
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

    /// Shares the errors of single ranks with all ranks before any rank waits for another;
    /// collective.
    ///
    /// - Parameter localError: this rank's error, if any.
    /// - Throws: `CollectiveError` with the lowest failing rank's category and message, and the
    ///   names of the other failing ranks.
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
    /// - Throws: the same errors as `agree(localError:)`, if `body` fails on any rank.
    package func collectively<Value>(_ body: () throws -> Value) throws -> Value {
        let result = Result { try body() }
        switch result {
        case .success: try agree(localError: nil)
        case .failure(let error as DTrainError): try agree(localError: error)
        case .failure(let error): try agree(localError: DTrainError(.internal, "\(error)"))
        }
        return try result.get()
    }

    /// Checks that all ranks hold the same bytes (weights), by their XXH3 checksums; collective.
    ///
    /// - Parameters:
    ///   - bytes: this rank's replica.
    ///   - what: the name of the bytes for the message, such as "the weights after step 7".
    /// - Throws: `CollectiveError` of category `internal` naming the ranks that differ from the
    ///   majority, or all ranks if there is no majority.
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

    /// Returns the names of ranks, such as `rank 1 (alpha), rank 3 (beta)`; collective.
    private func name(ranks: [Int]) throws -> String {
        let names = try communicator.allGather(communicator.name)
        return ranks.map { names[$0] }.joined(separator: ", ")
    }

    // Setting names contain neither separator. If a value does, comparing the whole texts still
    // finds a difference.
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
