import DTrainCore

/// The tensors of another program's file under the names of its format.
struct ForeignTensors {
    /// The file.
    let file: Safetensors
    /// The file's name for each name of the format.
    private let fileNames: FileNames

    /// Opens a file and finds out what its tensors are.
    ///
    /// - Parameters:
    ///   - path: a safetensors file.
    ///   - names: the file's own names for the format's.
    ///   - spelling: how a name of the format may be spelled, too.
    /// - Throws: `DTrainError` with `noInput` when it can't be opened, `badData` when it isn't a safetensors file or is dtrain's own,
    ///   `usage` when the names don't fit it.
    init(path: String, names: NameMap, spelling: (String) -> String) throws {
        file = try Safetensors(path: path, kind: "weights file")
        // Written anew it would get a seal, though nothing here has checked the one that it has.
        guard !CheckpointSeal.isPresent(in: file) else {
            throw DTrainError(
                .badData,
                "weights file '\(path)' has dtrain's metadata: use it directly with `init` or 'dtrain export'")
        }
        if let unused = names.unused(in: file.names) {
            throw DTrainError(
                .usage,
                "`map` names \(unused.quotedForMessage), but '\(path)' holds \(Self.list(file.names)); correct it")
        }
        fileNames = FileNames(file.names, names: names, spelling: spelling)
    }

    /// The names, as the format has them.
    var names: some Collection<String> { fileNames.first.keys }

    /// The shape of a tensor; nil when there is none of that name.
    func shape(_ name: String) -> [Int]? { fileNames.first[name].flatMap { file.tensors[$0]?.shape } }

    /// The shape of a tensor of two dimensions that must be there.
    ///
    /// - Throws: `DTrainError` with `badData` when it isn't, or has an impossible shape; `usage` when two tensors have the name.
    func matrixShape(_ name: String) throws -> (rows: Int, columns: Int) {
        let shape = try file.tensors[fileName(name)]?.shape ?? []
        guard shape.count == 2, shape.allSatisfy({ (1...Self.maximumSize).contains($0) }) else {
            throw file.unfit("holds tensor \(label(name)) in the impossible shape \(shape)")
        }
        return (shape[0], shape[1])
    }

    /// Checks that a tensor is there in this shape, in a type of floats.
    ///
    /// - Throws: `DTrainError` with `badData` when it isn't, `usage` when two tensors have the name.
    func require(_ name: String, _ shape: [Int]) throws {
        try file.require(fileName(name, shape), shape: shape)
    }

    /// Checks a tensor that may be left out.
    ///
    /// - Throws: as `require`, when it is there.
    func requireIfThere(_ name: String, _ shape: [Int]) throws {
        if fileNames.first[name] != nil { try require(name, shape) }
    }

    /// A tensor as a matrix; a tensor of one dimension is one row.
    func matrix(_ name: String, rows: Int, columns: Int, isVector: Bool = false) throws -> Matrix {
        let shape = isVector ? [columns] : [rows, columns]
        let fileName = try fileName(name, shape)
        try file.require(fileName, shape: shape)
        var values = [Float](repeating: 0, count: rows * columns)
        try values.withUnsafeMutableBufferPointer { values in
            guard let base = values.baseAddress else { return }
            try file.copy(fileName, into: base, expecting: shape)
        }
        guard values.allSatisfy(\.isFinite) else {
            throw file.unfit("holds a weight in \(label(name)) that is not a finite float32 number")
        }
        return Matrix(rows: rows, columns: columns, values: values)
    }

    /// A vector as a row, nil when it isn't there.
    func rowIfThere(_ name: String, count: Int) throws -> Matrix? {
        fileNames.first[name] == nil ? nil : try matrix(name, rows: 1, columns: count, isVector: true)
    }

    /// The error for a tensor that isn't there under any of these names: what is, and how to say what is what.
    func missing(_ names: [String], _ shape: [Int]? = nil) -> DTrainError {
        let shape = shape.map { " of shape \($0)" } ?? ""
        let wanted = names.map { "'\($0)'" }.alternatives
        return DTrainError(
            .badData, "weights file '\(file.path)' has no tensor \(wanted)\(shape): it holds \(Self.list(file.names))",
            hint: "say which one it is with `map` THEIRS=OURS, or use another file")
    }

    /// A name for a message: the file's own, and the format's where that is another.
    func label(_ name: String) -> String {
        guard let fileName = fileNames.first[name], fileName != name else { return name.quotedForMessage }
        return "\(fileName.quotedForMessage) (\(name))"
    }

    /// The one tensor of the file that has a name of the format.
    private func fileName(_ name: String, _ shape: [Int]? = nil) throws -> String {
        guard let first = fileNames.first[name] else { throw missing([name], shape) }
        guard let second = fileNames.second[name] else { return first }
        throw DTrainError(
            .usage,
            "\(first.quotedForMessage) and \(second.quotedForMessage) of '\(file.path)' are both "
                + "\(name.quotedForMessage); `map` one of them to the name it should have")
    }

    /// A size beyond which no layer goes; products of a few can't overflow.
    private static let maximumSize = 1 << 22

    /// The first names, and how many there are more.
    private static func list(_ names: [String]) -> String {
        guard !names.isEmpty else { return "no tensor" }
        let rest = names.count > 5 ? " and \(names.count - 5) more" : ""
        return names.prefix(5).map(\.quotedForMessage).joined(separator: ", ") + rest
    }
}

extension ForeignTensors {
    /// What was converted or added for a model that is read, a line each.
    ///
    /// - Parameter used: the format's names of the tensors that the model has.
    func remarks(used: Set<String>) -> [String] {
        var remarks: [String] = []
        let types = Set(used.compactMap { fileNames.first[$0].flatMap { file.tensors[$0]?.elementType.name } })
            .subtracting(["F32"]).sorted()
        if !types.isEmpty {
            remarks.append(
                "'\(file.path)' holds weights of type \(types.joined(separator: " and ")): converted to F32")
        }
        let absent = used.filter { fileNames.first[$0] == nil }.sorted()
        if !absent.isEmpty { remarks.append("'\(file.path)' has no \(Self.list(absent)): zeros are used") }
        return remarks
    }

    /// What is probably not wanted, a line each: tensors that the model doesn't have.
    ///
    /// - Parameter used: the format's names of the tensors that the model has.
    func warnings(used: Set<String>) -> [String] {
        let ignored = Set(file.names).subtracting(used.compactMap { fileNames.first[$0] }).sorted()
        guard !ignored.isEmpty else { return [] }
        return ["'\(file.path)' holds tensors that are none of the model's, which are ignored: \(Self.list(ignored))"]
    }
}

/// Which tensors of a file have which names of a format.
private struct FileNames {
    /// The file's name for each name of the format.
    private(set) var first: [String: String] = [:]
    /// The second tensor with a name that two have, or more.
    private(set) var second: [String: String] = [:]

    init(_ fileNames: [String], names: NameMap, spelling: (String) -> String) {
        for fileName in fileNames {
            for name in names.ours(of: fileName) ?? [] { add(fileName, as: spelling(name)) }
        }
        // A rule beats a tensor that merely has the name.
        let mapped = Set(first.keys)
        for fileName in fileNames where names.ours(of: fileName) == nil {
            let name = spelling(fileName)
            if !mapped.contains(name) { add(fileName, as: name) }
        }
    }

    private mutating func add(_ fileName: String, as name: String) {
        if let other = first[name] {
            if other != fileName { second[name] = fileName }
        } else {
            first[name] = fileName
        }
    }
}
