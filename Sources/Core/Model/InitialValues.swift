import CKernels

/// Keras's initial values: embedding U(−0.05, 0.05); kernels Glorot uniform; recurrent kernels
/// orthogonal; the biases of recurrent layers the cell's, the dense bias 0.
package enum InitialValues {
    /// Fills in the flat parameters; a function of the layout and the seed alone.
    ///
    /// - Parameters:
    ///   - parameters: room for `layout.count` elements.
    ///   - layout: the tensors.
    ///   - seed: what the random numbers depend on.
    ///   - heartbeat: shows that the work goes on.
    package static func fill(
        _ parameters: UnsafeMutablePointer<Float>, layout: ParameterLayout, seed: UInt64, heartbeat: Heartbeat? = nil
    ) throws {
        let configuration = layout.configuration
        parameters.update(repeating: 0, count: layout.count)
        for (part, tensor) in layout.tensors.enumerated() {
            heartbeat?.beat()
            let random = TensorRandom(seed: seed, tensor: part)
            let values = UnsafeMutableBufferPointer(start: parameters + tensor.offset, count: tensor.count)
            switch tensor.role {
            case .embeddings: random.uniform(values, limit: 0.05)
            case .recurrent(.kernel), .denseKernel:
                random.uniform(values, limit: (6 / Float(tensor.shape[0] + tensor.shape[1])).squareRoot())
            case .recurrent(.recurrentKernel):
                try orthogonal(values, rows: tensor.shape[0], columns: tensor.shape[1], random, heartbeat)
            case .recurrent(.bias): fillBias(values, configuration)
            case .denseBias: break
            }
        }
    }

    /// Gives each unit of each gate the gate's initial bias.
    private static func fillBias(_ values: UnsafeMutableBufferPointer<Float>, _ configuration: ModelConfiguration) {
        let units = configuration.rnnUnits
        for (index, value) in configuration.cell.initialBias.joined().enumerated() {
            values[index * units..<(index + 1) * units].update(repeating: value)
        }
    }

    /// Orthonormal rows: those of a Gaussian matrix A, orthonormalised in order.
    ///
    /// The result is the Q of the QR decomposition of Aᵀ with a positive diagonal of R, as in Keras.
    /// With A·Aᵀ = L·Lᵀ (Cholesky) it is Q = L⁻¹·A. That squares the condition number, so in float32
    /// it needs a matrix with several times more columns than rows; others take Gram-Schmidt.
    static func orthogonal(
        _ values: UnsafeMutableBufferPointer<Float>, rows: Int, columns: Int, _ random: TensorRandom,
        _ heartbeat: Heartbeat? = nil
    ) throws {
        guard let matrix = values.baseAddress else { return }
        random.normal(values)
        guard columns >= 2 * rows else { return gramSchmidt(matrix, rows: rows, columns: columns, heartbeat) }
        let gram = try AlignedBuffer<Float>(count: rows * rows)
        let product = try PlainProduct(
            rows: rows, columns: rows, depth: columns, b: .transposed())
        product(matrix, matrix, gram.pointer)
        choleskyInverse(gram.pointer, rows, heartbeat)
        let gaussian = try AlignedBuffer<Float>(count: rows * columns)
        gaussian.pointer.update(from: matrix, count: rows * columns)
        let orthonormalise = try PlainProduct(rows: rows, columns: columns, depth: rows)
        orthonormalise(gram.pointer, gaussian.pointer, matrix)
    }

    /// Orthonormalises the rows of a matrix in order, in place.
    ///
    /// Projecting twice makes up for the cancellation of the first time (Kahan and Parlett: "twice is
    /// enough").
    private static func gramSchmidt(
        _ matrix: UnsafeMutablePointer<Float>, rows: Int, columns: Int, _ heartbeat: Heartbeat?
    ) {
        let count = Int64(columns)
        for i in 0..<rows {
            heartbeat?.beat()
            let row = matrix + i * columns
            for _ in 0..<2 {
                for j in 0..<i {
                    let earlier = matrix + j * columns
                    dtrain_axpy(count, -dtrain_dot(count, row, earlier), earlier, row)
                }
            }
            let length = dtrain_dot(count, row, row).squareRoot()
            for column in 0..<columns { row[column] /= length }
        }
    }

    /// Replaces a symmetric positive definite matrix by the inverse of its lower Cholesky factor.
    private static func choleskyInverse(_ a: UnsafeMutablePointer<Float>, _ n: Int, _ heartbeat: Heartbeat?) {
        for i in 0..<n {
            heartbeat?.beat()
            let row = a + i * n
            for j in 0..<i { row[j] = (row[j] - dtrain_dot(Int64(j), row, a + j * n)) / a[j * n + j] }
            row[i] = (row[i] - dtrain_dot(Int64(i), row, row)).squareRoot()
        }
        // Row i of the inverse from the rows above it: L⁻¹[i] = (e_i − Σ_j L[i][j] · L⁻¹[j]) / L[i][i].
        for i in 0..<n {
            heartbeat?.beat()
            let row = a + i * n
            let diagonal = row[i]
            let factors = Array(UnsafeBufferPointer(start: row, count: i))
            row.update(repeating: 0, count: n)
            for (j, factor) in factors.enumerated() { dtrain_axpy(Int64(j + 1), -factor, a + j * n, row) }
            row[i] = 1
            for j in 0...i { row[j] /= diagonal }
        }
    }
}

/// The random numbers of one tensor's initial values.
struct TensorRandom {
    private let random: CounterRandom
    private let tensor: UInt32

    init(seed: UInt64, tensor: Int) {
        random = CounterRandom(seed: seed, purpose: .initialValues)
        self.tensor = UInt32(truncatingIfNeeded: tensor)
    }

    /// Uniform in [−limit, limit).
    func uniform(_ values: UnsafeMutableBufferPointer<Float>, limit: Float) {
        for index in values.indices {
            values[index] = (2 * random.uniform(UInt64(index), tensor) - 1) * limit
        }
    }

    /// Standard normal (Box and Muller 1958), two of a pair of words.
    func normal(_ values: UnsafeMutableBufferPointer<Float>) {
        for first in stride(from: 0, to: values.count, by: 2) {
            let words = random.words(UInt64(first / 2), tensor)
            let radius = (-2 * dtrain_log((Double(words.0 >> 8) + 0.5) * 0x1p-24)).squareRoot()
            var (sine, cosine) = (0.0, 0.0)
            dtrain_sine_cosine(Double(words.1 >> 8) * 0x1p-24, &sine, &cosine)
            values[first] = Float(radius * cosine)
            if first + 1 < values.count { values[first + 1] = Float(radius * sine) }
        }
    }
}
