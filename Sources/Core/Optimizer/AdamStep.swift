import CKernels

/// An Adam step over all parameters, row by row of each tensor; a row's gradient is read from the column panels that it lies in.
///
/// Weights and moments are read and written in order, and the gradient is never copied together.
final class AdamStep: @unchecked Sendable {
    /// A tensor and its gradient's panels, whose rows together make the tensor's.
    private struct Tensor {
        struct Panel {
            let values: UnsafePointer<Float>
            let width: Int
        }

        let offset: Int
        let rows: Int
        let columns: Int
        /// From the first column to the last.
        let panels: [Panel]
    }

    private struct Task {
        let tensor: Int
        let rows: Range<Int>
    }

    private let adam: Adam
    /// Owns what the panels are of.
    private let gradient: Gradient
    private let parameters: UnsafeMutablePointer<Float>
    private let tensors: [Tensor]
    private let tasks: [Task]
    private var constants: dtrain_adam_constants

    /// About how many elements a worker updates at a time.
    private static let taskSize = 1 << 16

    /// Prepares for a gradient.
    ///
    /// - Parameter parameters: what it is the gradient of, which must outlive this object.
    init(_ adam: Adam, parameters: UnsafeMutablePointer<Float>, gradient: Gradient) {
        self.adam = adam
        self.gradient = gradient
        self.parameters = parameters
        let layout = gradient.layout.parameters
        let tensors = layout.tensors.map { tensor in
            gradient.layout.summed.contains(tensor.offset)
                ? Self.summed(tensor, gradient) : Self.input(tensor, gradient)
        }
        self.tensors = tensors
        tasks = tensors.indices.flatMap { index in
            let tensor = tensors[index]
            let height = max(1, Self.taskSize / max(1, tensor.columns))
            return stride(from: 0, to: tensor.rows, by: height).map {
                Task(tensor: index, rows: $0..<min(tensor.rows, $0 + height))
            }
        }
        constants = adam.constants()
    }

    /// The number of tasks.
    var count: Int { tasks.count }

    /// Begins a step; the gradient is to be multiplied by `scale` first.
    func begin(scale: Float) { constants = adam.constants(scale: scale) }

    /// Updates a task's parameters; tasks may go to different threads.
    func run(task index: Int) {
        let task = tasks[index]
        let tensor = tensors[task.tensor]
        for row in task.rows {
            var first = tensor.offset + row * tensor.columns
            for panel in tensor.panels {
                adam.update(
                    first..<first + panel.width, parameters: parameters, gradient: panel.values + row * panel.width,
                    constants: constants)
                first += panel.width
            }
        }
    }

    /// A tensor whose gradient is a sum over micro-batches; a bias of two rows counts as one long row, as its sums do.
    private static func summed(_ tensor: ParameterLayout.Tensor, _ gradient: Gradient) -> Tensor {
        let range = tensor.offset..<tensor.offset + tensor.count
        let places = gradient.blocks.places.filter { range.contains($0.matrix.offset) }
            .sorted { $0.matrix.offset < $1.matrix.offset }
        let rows = places.first?.matrix.rows ?? 0
        let columns = places.reduce(0) { $0 + $1.matrix.width }
        precondition(rows * columns == tensor.count, "the panels of \(tensor.name) cover it")
        return Tensor(
            offset: tensor.offset, rows: rows, columns: columns,
            panels: places.map {
                Tensor.Panel(values: gradient.sums.pointer + $0.start, width: $0.matrix.width)
            })
    }

    private static func input(_ tensor: ParameterLayout.Tensor, _ gradient: Gradient) -> Tensor {
        let (rows, columns) = (tensor.shape[0], tensor.count / tensor.shape[0])
        return Tensor(
            offset: tensor.offset, rows: rows, columns: columns,
            panels: [Tensor.Panel(values: gradient.inputs.pointer + tensor.offset, width: columns)])
    }
}
