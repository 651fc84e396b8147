import FoundationEssentials

/// A builder of an ONNX graph.
struct ONNXGraph {
    /// The type of a tensor's elements.
    enum Element {
        case float, int64

        var code: Int32 {
            switch self {
            case .float: Int32(ONNXTensorProto.DataType.float.rawValue)
            case .int64: Int32(ONNXTensorProto.DataType.int64.rawValue)
            }
        }
    }

    /// A dimension of an input or output.
    enum Dimension {
        case fixed(Int)
        /// Any size; dimensions with the same name are equal.
        case free(String)
    }

    /// An operator's attribute.
    enum Attribute {
        case one(Int64)
        case list([Int64])
    }

    private(set) var proto = ONNXGraphProto()

    init(name: String) { proto.name = name }

    /// Adds an input.
    mutating func input(_ name: String, _ element: Element, _ shape: [Dimension]) {
        proto.input.append(Self.value(name, element, shape))
    }

    /// Adds an output, which a node must compute.
    mutating func output(_ name: String, _ element: Element, _ shape: [Dimension]) {
        proto.output.append(Self.value(name, element, shape))
    }

    /// Adds a node after the nodes that compute its inputs.
    ///
    /// An empty name omits an optional input.
    mutating func node(
        _ type: String, _ inputs: [String], _ outputs: [String], _ attributes: [(String, Attribute)] = []
    ) {
        proto.node.append(
            .with {
                $0.opType = type
                // Unique, since only one node computes each output.
                $0.name = outputs[0]
                ($0.input, $0.output) = (inputs, outputs)
                $0.attribute = attributes.map { Self.attribute($0, $1) }
            })
    }

    /// Adds a matrix of weights.
    ///
    /// - Parameter inOneDirection: whether to add a first dimension of 1, for the directions of a
    ///   recurrent layer.
    mutating func constant(_ name: String, _ matrix: Matrix, inOneDirection: Bool = false) {
        constant(name, .float, (inOneDirection ? [1] : []) + [matrix.rows, matrix.columns], Self.bytes(matrix.values))
    }

    /// Adds a vector of weights.
    mutating func constant(_ name: String, vector: [Float]) {
        constant(name, .float, [vector.count], Self.bytes(vector))
    }

    /// Adds a vector of integers, such as axes.
    mutating func constant(_ name: String, integers: [Int64]) {
        constant(name, .int64, [integers.count], integers.map(\.littleEndian).withUnsafeBytes { Data($0) })
    }

    private mutating func constant(_ name: String, _ element: Element, _ shape: [Int], _ bytes: Data) {
        proto.initializer.append(
            .with {
                $0.name = name
                $0.dataType = element.code
                $0.dims = shape.map(Int64.init)
                $0.rawData = bytes
            })
    }

    /// The bytes of floats, little-endian.
    private static func bytes(_ values: [Float]) -> Data {
        values.map(\.bitPattern.littleEndian).withUnsafeBytes { Data($0) }
    }

    private static func value(_ name: String, _ element: Element, _ shape: [Dimension]) -> ONNXValueInfoProto {
        .with {
            $0.name = name
            $0.type.tensorType.elemType = element.code
            $0.type.tensorType.shape.dim = shape.map { dimension in
                .with {
                    switch dimension {
                    case .fixed(let size): $0.dimValue = Int64(size)
                    case .free(let name): $0.dimParam = name
                    }
                }
            }
        }
    }

    private static func attribute(_ name: String, _ value: Attribute) -> ONNXAttributeProto {
        .with {
            $0.name = name
            switch value {
            case .one(let number): ($0.type, $0.i) = (.int, number)
            case .list(let numbers): ($0.type, $0.ints) = (.ints, numbers)
            }
        }
    }
}
