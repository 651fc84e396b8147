import DTrainCore

/// The tensors of another program's file under the names of its format.
struct ForeignTensors {
    /// The file.
    let file: Safetensors
    /// For each name of the format the file's own.
    private let own: [String: String]

    /// Opens a file and finds out what its tensors are.
    ///
    /// - Parameters:
    ///   - path: a safetensors file.
    ///   - names: the file's own names for the format's.
    ///   - spelling: how a name of the format may be spelled, too.
    /// - Throws: `DTrainError` with `noInput` when it can't be opened, `badData` when it isn't a safetensors file, `usage` when the
    ///   names don't fit it.
    init(path: String, names: NameMap, spelling: (String) -> String) throws {
        file = try Safetensors(path: path, kind: "weights file")
        if let unused = names.unused(in: file.names) {
            throw DTrainError(
                .usage,
                "`map` names \(unused.quotedForMessage), but '\(path)' holds \(Self.list(file.names)); correct it")
        }
        var own: [String: String] = [:]
        for name in file.names {
            for ours in names.ours(of: name).map(spelling) {
                guard let other = own.updateValue(name, forKey: ours) else { continue }
                throw DTrainError(
                    .usage,
                    "\(other.quotedForMessage) and \(name.quotedForMessage) of '\(path)' are both "
                        + "\(ours.quotedForMessage); say which one is with `map`")
            }
        }
        self.own = own
    }

    /// The names, as the format has them.
    var names: some Collection<String> { own.keys }

    /// The shape of a tensor; nil when there is none of that name.
    func shape(_ name: String) -> [Int]? { own[name].flatMap { file.tensors[$0]?.shape } }

    /// The shape of a tensor of two dimensions that must be there.
    ///
    /// - Throws: `DTrainError` with `badData` when it isn't, or has an impossible shape.
    func matrixShape(_ name: String) throws -> (rows: Int, columns: Int) {
        guard let shape = shape(name) else { throw missing(name) }
        guard shape.count == 2, shape.allSatisfy({ (1...Self.maximumSize).contains($0) }) else {
            throw file.unfit("holds tensor \(label(name)) in the impossible shape \(shape)")
        }
        return (shape[0], shape[1])
    }

    /// Checks that a tensor is there in this shape, in a type of floats.
    ///
    /// - Throws: `DTrainError` with `badData`.
    func require(_ name: String, _ shape: [Int]) throws {
        guard let own = own[name] else { throw missing(name, shape) }
        try file.require(own, shape: shape)
    }

    /// Checks a tensor that may be left out.
    ///
    /// - Throws: `DTrainError` with `badData` when it is there in another shape.
    func requireIfThere(_ name: String, _ shape: [Int]) throws {
        if own[name] != nil { try require(name, shape) }
    }

    /// A tensor as a matrix; a tensor of one dimension is one row.
    func matrix(_ name: String, rows: Int, columns: Int, isVector: Bool = false) throws -> Matrix {
        let shape = isVector ? [columns] : [rows, columns]
        try require(name, shape)
        var values = [Float](repeating: 0, count: rows * columns)
        try values.withUnsafeMutableBufferPointer { values in
            guard let base = values.baseAddress, let own = own[name] else { return }
            try file.copy(own, into: base, expecting: shape)
        }
        guard values.allSatisfy(\.isFinite) else {
            throw file.unfit("holds a weight in \(label(name)) that is not a finite float32 number")
        }
        return Matrix(rows: rows, columns: columns, values: values)
    }

    /// A vector as a row, nil when it isn't there.
    func rowIfThere(_ name: String, count: Int) throws -> Matrix? {
        own[name] == nil ? nil : try matrix(name, rows: 1, columns: count, isVector: true)
    }

    /// The error for a tensor that isn't there: what is, and how to say what is what.
    func missing(_ name: String, _ shape: [Int]? = nil) -> DTrainError {
        let shape = shape.map { " of shape \($0)" } ?? ""
        return DTrainError(
            .badData, "weights file '\(file.path)' has no tensor '\(name)'\(shape): it holds \(Self.list(file.names))",
            hint: "say which one it is with `map` THEIRS=OURS, or use another file")
    }

    /// A name for a message: the file's own, and the format's where that is another.
    func label(_ name: String) -> String {
        guard let own = own[name], own != name else { return name.quotedForMessage }
        return "\(own.quotedForMessage) (\(name))"
    }

    /// What the user should know of a file whose model is read, a line each.
    ///
    /// - Parameter used: the format's names of the tensors that the model has.
    func remarks(used: Set<String>) -> [String] {
        var remarks: [String] = []
        let mine = used.compactMap { own[$0] }
        let types = Set(mine.compactMap { file.tensors[$0]?.elementType.name }).subtracting(["F32"]).sorted()
        if !types.isEmpty {
            remarks.append(
                "'\(file.path)' holds weights of type \(types.joined(separator: " and ")): converted to F32")
        }
        let ignored = Set(file.names).subtracting(mine).sorted()
        if !ignored.isEmpty {
            remarks.append(
                "'\(file.path)' holds tensors that are none of the model's, which are ignored: \(Self.list(ignored))")
        }
        return remarks
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
