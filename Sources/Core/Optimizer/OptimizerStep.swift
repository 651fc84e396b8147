/// An optimizer step over all trained parameters, row by row of each tensor.
///
/// The gradient of a row is read from the column panels that hold it. Parameters and slots are
/// therefore read and written in order, and the gradient needs no gathering.
final class OptimizerStep: @unchecked Sendable {
    /// A tensor and the column panels that hold its gradient.
    private struct Tensor {
        struct Panel {
            let values: UnsafePointer<Float>
            let width: Int
        }

        let offset: Int
        let rows: Int
        let columns: Int
        /// The panels in the order of their columns.
        let panels: [Panel]
    }

    private struct Task {
        let tensor: Int
        let rows: Range<Int>
    }

    /// The state that owns the slots.
    private let state: OptimizerState
    /// The sums that own the panels.
    private let gradient: GradientSums
    private let parameters: UnsafeMutablePointer<Float>
    private let tensors: [Tensor]
    /// The tasks of all tensors, frozen ones included.
    private let allTasks: [Task]
    private var tasks: [Task]
    private var update: any ParameterUpdate

    /// The approximate number of elements in a task.
    private static let taskSize = 1 << 16

    /// Prepares steps along a gradient.
    ///
    /// - Parameters:
    ///   - state: the optimizer's slots, one element per parameter.
    ///   - parameters: the parameters in the gradient's layout; they must outlive this object.
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

    /// Excludes some tensors and their slots from all later steps; the update of the others is
    /// unchanged.
    ///
    /// - Parameter frozen: the indices of the tensors in the layout; replaces those of an earlier
    ///   call.
    func freeze(_ frozen: Set<Int>) { tasks = allTasks.filter { !frozen.contains($0.tensor) } }

    /// The number of tasks.
    var count: Int { tasks.count }

    /// Starts a step and computes its constants.
    ///
    /// - Parameters:
    ///   - learningRate: the learning rate of this step.
    ///   - gradientScale: a factor for every element of the gradient.
    func begin(learningRate: Double, gradientScale: Float) {
        update = state.nextUpdate(learningRate: learningRate, gradientScale: gradientScale)
    }

    /// Ends the step and counts it; call it after all tasks are done.
    func finish() { state.steps += 1 }

    /// Updates the parameters of one task; tasks may run on different threads.
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
    /// A bias with two rows is treated as one long row, as in its sums.
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

    /// The embedding or the first kernel, whose gradient has the layout of the tensor.
    private static func input(_ tensor: ParameterLayout.Tensor, _ gradient: GradientSums) -> Tensor {
        let (rows, columns) = (tensor.shape[0], tensor.count / tensor.shape[0])
        return Tensor(
            offset: tensor.offset, rows: rows, columns: columns,
            panels: [Tensor.Panel(values: gradient.inputs.pointer + tensor.offset, width: columns)])
    }
}
