/// A step of the optimiser over all parameters that are trained, row by row of each tensor.
///
/// A row's gradient is read from the column panels that hold it. So parameters and slots are read
/// and written in order, and the gradient is never gathered.
final class OptimizerStep: @unchecked Sendable {
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

    /// Owns the slots.
    private let state: OptimizerState
    /// Owns the panels.
    private let gradient: GradientSums
    private let parameters: UnsafeMutablePointer<Float>
    private let tensors: [Tensor]
    /// Those of all tensors.
    private let allTasks: [Task]
    private var tasks: [Task]
    private var update: any ParameterUpdate

    /// Elements of a task, about.
    private static let taskSize = 1 << 16

    /// Prepares the steps along a gradient.
    ///
    /// - Parameters:
    ///   - state: the optimiser's slots, one element a parameter.
    ///   - parameters: the parameters in the layout of the gradient; they must outlive this object.
    ///   - gradient: the gradient of the whole batch.
    init(_ state: OptimizerState, parameters: UnsafeMutablePointer<Float>, gradient: GradientSums) {
        precondition(state.count == gradient.layout.parameters.count, "the slots cover the parameters")
        self.state = state
        self.gradient = gradient
        self.parameters = parameters
        let layout = gradient.layout.parameters
        let tensors = layout.tensors.map { tensor in
            gradient.layout.summed.contains(tensor.offset)
                ? Self.summed(tensor, gradient) : Self.input(tensor, gradient)
        }
        self.tensors = tensors
        let tasks = tensors.indices.flatMap { index in
            let tensor = tensors[index]
            let height = max(1, Self.taskSize / max(1, tensor.columns))
            return stride(from: 0, to: tensor.rows, by: height).map {
                Task(tensor: index, rows: $0..<min(tensor.rows, $0 + height))
            }
        }
        (allTasks, self.tasks) = (tasks, tasks)
        update = state.nextUpdate(learningRate: 0, gradientScale: 1)
    }

    /// Leaves out some tensors from now on, their slots, too; the others are updated as ever.
    ///
    /// - Parameter frozen: their places in the layout.
    func freeze(_ frozen: Set<Int>) { tasks = allTasks.filter { !frozen.contains($0.tensor) } }

    /// The number of tasks.
    var count: Int { tasks.count }

    /// Begins a step: computes its constants.
    ///
    /// - Parameters:
    ///   - learningRate: the learning rate of this step.
    ///   - gradientScale: a factor for every element of the gradient.
    func begin(learningRate: Double, gradientScale: Float) {
        update = state.nextUpdate(learningRate: learningRate, gradientScale: gradientScale)
    }

    /// Counts the step, when all its tasks are done.
    func finish() { state.steps += 1 }

    /// Updates a task's parameters; tasks may go to different threads.
    func run(task index: Int) {
        let task = tasks[index]
        let tensor = tensors[task.tensor]
        let (update, slots) = (update, state.slotAddresses)
        for row in task.rows {
            var first = tensor.offset + row * tensor.columns
            for panel in tensor.panels {
                let next = first + panel.width
                update.apply(
                    to: ParameterRun(
                        first..<next, of: parameters, gradient: panel.values + row * panel.width, slots: slots))
                first = next
            }
        }
    }

    /// A tensor whose gradient is a sum over micro-batches.
    ///
    /// A bias of two rows counts as one long row, as its sums do.
    private static func summed(_ tensor: ParameterLayout.Tensor, _ gradient: GradientSums) -> Tensor {
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

    /// The embedding or the first kernel, whose gradients lie as the tensors do.
    private static func input(_ tensor: ParameterLayout.Tensor, _ gradient: GradientSums) -> Tensor {
        let (rows, columns) = (tensor.shape[0], tensor.count / tensor.shape[0])
        return Tensor(
            offset: tensor.offset, rows: rows, columns: columns,
            panels: [Tensor.Panel(values: gradient.inputs.pointer + tensor.offset, width: columns)])
    }
}
