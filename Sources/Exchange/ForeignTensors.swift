import DTrainCore

/// The tensors of another program's file under the format's names.
struct ForeignTensors {
    /// The file.
    let file: Safetensors
    /// The file's name for each name of the format.
    private let fileNames: FileNames

    /// Opens a file and maps its tensors to the format's names.
    ///
    /// - Parameters:
    ///   - path: a safetensors file.
    ///   - names: the user's rules for names.
    ///   - spelling: converts another spelling of a name to the format's.
    /// - Throws: `DTrainError` with `noInput` if the file can't be opened, `badData` if it isn't a
    ///   safetensors file or is dtrain's own, `usage` if a rule matches no tensor.
    init(path: String, names: NameMap, spelling: (String) -> String) throws {
        file = try Safetensors(path: path, kind: "weights file")
        // The copy would get a new seal although the old one was never checked.
        guard !CheckpointSeal.isPresent(in: file) else {
            throw DTrainError(
                .badData,
                "weights file '\(path)' has dtrain's metadata: use it directly with `init` or 'dtrain export'")
        }
        if let unused = names.unused(in: file.names) {
            throw DTrainError(
                .usage,
                "`map` names \(unused.quotedForMessage), but '\(path)' holds \(Self.list(file.names)); correct the name"
            )
        }
        fileNames = FileNames(file.names, names: names, spelling: spelling)
    }

    /// The format's names of the file's tensors.
    var names: some Collection<String> { fileNames.first.keys }

    /// The shape of a tensor; nil if the file lacks it.
    func shape(_ name: String) -> [Int]? { fileNames.first[name].flatMap { file.tensors[$0]?.shape } }

    /// The shape of a required tensor of two dimensions.
    ///
    /// - Throws: `DTrainError` with `badData` if it is missing or has an invalid shape, `usage` if
    ///   two tensors have the name.
    func matrixShape(_ name: String) throws -> (rows: Int, columns: Int) {
        let shape = try file.tensors[fileName(name)]?.shape ?? []
        guard shape.count == 2, shape.allSatisfy({ (1...Self.maximumSize).contains($0) }) else {
            throw file.unfit("holds tensor \(label(name)) in the invalid shape \(shape)")
        }
        return (shape[0], shape[1])
    }

    /// Checks that the file has a tensor with this shape and a float element type.
    ///
    /// - Throws: `DTrainError` with `badData` if it doesn't, `usage` if two tensors have the name.
    func require(_ name: String, _ shape: [Int]) throws {
        try file.require(fileName(name, shape), shape: shape)
    }

    /// Checks an optional tensor.
    ///
    /// - Throws: the errors of `require` if the file has the tensor.
    func requireIfPresent(_ name: String, _ shape: [Int]) throws {
        if fileNames.first[name] != nil { try require(name, shape) }
    }

    /// Reads a tensor as a matrix; a tensor of one dimension becomes a row.
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

    /// Reads a vector as a row; nil if the file lacks it.
    func rowIfPresent(_ name: String, count: Int) throws -> Matrix? {
        fileNames.first[name] == nil ? nil : try matrix(name, rows: 1, columns: count, isVector: true)
    }

    /// The error for a tensor that is missing under all of these names; it lists the file's
    /// tensors.
    func missing(_ names: [String], _ shape: [Int]? = nil) -> DTrainError {
        let shape = shape.map { " of shape \($0)" } ?? ""
        let wanted = names.map { "'\($0)'" }.alternatives
        return DTrainError(
            .badData, "weights file '\(file.path)' has no tensor \(wanted)\(shape): it holds \(Self.list(file.names))",
            hint: "rename a tensor with `map` THEIRS=OURS, or use another file")
    }

    /// A name for a message: the file's own, with the format's if it differs.
    func label(_ name: String) -> String {
        guard let fileName = fileNames.first[name], fileName != name else { return name.quotedForMessage }
        return "\(fileName.quotedForMessage) (\(name))"
    }

    /// The name in the file of the format's tensor.
    ///
    /// - Throws: `DTrainError` with `badData` if there is none, `usage` if there are two.
    private func fileName(_ name: String, _ shape: [Int]? = nil) throws -> String {
        guard let first = fileNames.first[name] else { throw missing([name], shape) }
        guard let second = fileNames.second[name] else { return first }
        throw DTrainError(
            .usage,
            "\(first.quotedForMessage) and \(second.quotedForMessage) of '\(file.path)' both map to "
                + "\(name.quotedForMessage); rename one of them with `map`")
    }

    /// The maximum size of a dimension, small enough that products don't overflow.
    private static let maximumSize = 1 << 22

    /// The first names, and the number of the others.
    private static func list(_ names: [String]) -> String {
        guard !names.isEmpty else { return "no tensor" }
        let rest = names.count > 5 ? " and \(names.count - 5) more" : ""
        return names.prefix(5).map(\.quotedForMessage).joined(separator: ", ") + rest
    }
}

extension ForeignTensors {
    /// Remarks on converted types and absent tensors, one line each.
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

    /// Warnings about tensors that the model doesn't use, one line each.
    ///
    /// - Parameter used: the format's names of the tensors that the model has.
    func warnings(used: Set<String>) -> [String] {
        let ignored = Set(file.names).subtracting(used.compactMap { fileNames.first[$0] }).sorted()
        guard !ignored.isEmpty else { return [] }
        return ["'\(file.path)' holds tensors that the model doesn't use, which are ignored: \(Self.list(ignored))"]
    }
}

/// The tensors of a file for each name of the format.
private struct FileNames {
    /// The file's name for each name of the format.
    private(set) var first: [String: String] = [:]
    /// The file's second name for each name that several tensors have.
    private(set) var second: [String: String] = [:]

    init(_ fileNames: [String], names: NameMap, spelling: (String) -> String) {
        for fileName in fileNames {
            for name in names.ours(of: fileName) ?? [] { add(fileName, as: spelling(name)) }
        }
        // A rule takes precedence over a tensor that has the name itself.
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
