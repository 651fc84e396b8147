/// A verified safetensors file that holds the tensors of a model, written by any program.
struct ModelFile: Sendable {
    /// The file.
    let file: Safetensors
    /// The model, deduced from the names and shapes of the tensors.
    let layout: ParameterLayout
    /// The result of verifying dtrain's seal.
    let verdict: CheckpointSeal.Verdict
    /// Notes for the user, one line each; empty for a file exactly as dtrain wrote it.
    let remarks: [String]

    /// Opens a file and verifies its structure, its seal, and the presence and shapes of all
    /// tensors.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - kind: the word for the file in messages.
    ///   - heartbeat: beats while the file is read, now and later.
    /// - Throws: `DTrainError` with `noInput` when the file can't be opened, with `badData` when it
    ///   is damaged, of a newer format, or holds no model.
    init(path: String, kind: String, heartbeat: Heartbeat?) throws {
        file = try Safetensors(path: path, kind: kind, heartbeat: heartbeat)
        try Self.requireKnownVersion(file)
        let header = try CheckpointSeal.verifyHeader(file)
        let deduced = try ParameterLayout.deduced(from: file)
        verdict = try CheckpointSeal.verify(file, header, layout: deduced.layout)
        layout = deduced.layout
        remarks = Self.remarks(file, verdict, layout, ignored: deduced.ignored)
    }

    /// Copies the weights to memory as float32.
    ///
    /// - Parameter parameters: the destination, with room for `layout.count` elements.
    /// - Throws: `DTrainError` with `badData` when a weight isn't a finite number.
    func load(parameters: UnsafeMutablePointer<Float>) throws {
        try file.copy(layout, into: parameters)
        if let name = layout.firstNonFinite(in: parameters) {
            throw file.unfit("holds a weight in '\(name)' that is not a finite float32 number")
        }
    }

    private static func requireKnownVersion(_ file: Safetensors) throws {
        guard file[.format] == Checkpoint.format, let number = file[.formatVersion].flatMap({ Int($0) }),
            number > Checkpoint.formatVersion
        else { return }
        throw DTrainError(
            .badData,
            "checkpoint '\(file.path)' has format version \(number), newer than the \(Checkpoint.formatVersion) "
                + "that this dtrain reads; use a newer dtrain")
    }

    private static func remarks(
        _ file: Safetensors, _ verdict: CheckpointSeal.Verdict, _ layout: ParameterLayout, ignored: [String]
    ) -> [String] {
        var remarks: [String] = []
        switch verdict {
        case .sealed: break
        case .tensorsOnly:
            remarks.append(
                "'\(file.path)' was saved again by another program: its tensors are verified, its header is not")
        case .foreign:
            remarks.append("'\(file.path)' is not sealed by dtrain: changes to its weights can't be detected")
        }
        let types = Set(layout.tensors.compactMap { file.tensors[$0.name]?.elementType })
            .filter { $0 != .float32 }.map(\.name).sorted()
        if !types.isEmpty {
            remarks.append("'\(file.path)' holds weights of type \(types.joined(separator: " and ")): converted to F32")
        }
        if !ignored.isEmpty {
            let names = ignored.prefix(5).map(\.quotedForMessage).joined(separator: ", ")
            let rest = ignored.count > 5 ? " and \(ignored.count - 5) more" : ""
            remarks.append(
                "'\(file.path)' holds tensors that its model doesn't have, which are ignored: \(names)\(rest)")
        }
        return remarks
    }
}
