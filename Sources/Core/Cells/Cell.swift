import CKernels

/// A kind of recurrent layer with Keras's semantics; everything that the rest of the code knows
/// about it.
///
/// A cell is one value, in its own file beside this one, and one C file with its two loops. In the
/// shapes below, in is the width of a layer's input, H its units, G the cell's gates.
public struct Cell: Sendable, CaseIterable {
    /// All cells, in the order in which flags and messages list them.
    public static let allCases: [Cell] = [.gru, .lstm, .simpleRNN]

    /// The name in flags and in a checkpoint's metadata.
    public let rawValue: String
    /// Keras's name of a model's first layer of this kind; tensor names start with it.
    public let layerName: String
    /// The name of Keras's class.
    package let layerClass: String
    /// G, the gates per unit, in the order of their columns in the kernels.
    package let gates: Int
    /// The initial values of the bias: for each of its rows, one value per gate.
    let initialBias: [[Float]]
    /// Whether the cell has a second state beside h, such as the LSTM's c.
    package let hasMemory: Bool
    /// The weight gradients that each group of a token's record contributes to.
    let routes: [Route]
    /// Advances some units of one row by one time step.
    let forward: Forward
    /// Replaces the record of one row's token by gradients.
    let backward: Backward

    /// Advances one row by one time step; see `dtrain_forward_row`.
    typealias Forward = @Sendable @convention(c) (UnsafePointer<dtrain_forward_row>?) -> Void
    /// Runs one row's backward pass for one time step; see `dtrain_backward_row`.
    typealias Backward = @Sendable @convention(c) (UnsafePointer<dtrain_backward_row>?) -> Void
}

extension Cell {
    /// The number of rows of the bias: one per product, or one for both.
    package var biasRows: Int { initialBias.count }

    /// The number of values per unit and token in a record.
    var recordGroups: Int { routes.count }

    /// Returns the width of the second state; 0 for cells without one.
    func memoryUnits(_ units: Int) -> Int { hasMemory ? units : 0 }

    /// Whether the gradients of x · W and h · U differ, so that a layer needs both.
    var separatesInputGradient: Bool {
        routes.contains { $0.destinations.contains(.kernel) != $0.destinations.contains(.recurrentKernel) }
    }
}

extension Cell: RawRepresentable, Hashable, Codable, CustomStringConvertible {
    /// Finds the cell with a name; nil if there is none.
    public init?(rawValue: String) {
        guard let cell = Self.allCases.first(where: { $0.rawValue == rawValue }) else { return nil }
        self = cell
    }

    /// Compares the names.
    public static func == (a: Cell, b: Cell) -> Bool { a.rawValue == b.rawValue }

    /// Hashes the name.
    public func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }

    /// The name.
    public var description: String { rawValue }
}
