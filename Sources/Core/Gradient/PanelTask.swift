/// A task of the weight gradients: one column panel of the tape and the gradient columns computed
/// from it.
struct PanelTask: Hashable, Sendable {
    /// A product with the panel; its element (i, column) goes to `offset + i * stride + column` of
    /// the flat gradient.
    struct Target: Hashable, Sendable {
        /// The left operand.
        enum Factor: Hashable, Sendable {
            /// hᵀ of a layer before each token.
            case hiddenBefore(layer: Int)
            /// hᵀ of a layer after each token.
            case hiddenAfter(layer: Int)
            /// The inputs' rows of the first layer's table, as one-hot vectors.
            case characters
            /// A row of ones, which gives column sums.
            case ones

            /// Whether the target is a matrix product.
            var isHidden: Bool {
                switch self {
                case .hiddenBefore, .hiddenAfter: true
                case .characters, .ones: false
                }
            }
        }

        let factor: Factor
        let rows: Int
        let offset: Int
        let stride: Int
    }

    let source: Tape.PanelSource
    /// The panel's index within the source.
    let panel: Int
    /// The panel's width.
    let width: Int
    /// The products with the panel; the cheap sums come first and bring the panel into the cache.
    let targets: [Target]

    init(source: Tape.PanelSource, panel: Int, width: Int, targets: [Target]) {
        self.source = source
        self.panel = panel
        self.width = width
        self.targets = targets.filter { !$0.factor.isHidden } + targets.filter { $0.factor.isHidden }
    }

    /// The number of sums.
    var count: Int { targets.reduce(0) { $0 + $1.rows * width } }

    /// The matrices that the task computes, one for each target.
    var matrices: [GradientBlocks.Matrix] {
        targets.map {
            GradientBlocks.Matrix(
                rows: $0.rows, width: width, offset: $0.offset, stride: $0.stride,
                rowsVary: $0.factor == .characters)
        }
    }

    /// Returns all tasks of a model, in wire order.
    static func all(_ layout: GradientLayout) -> [PanelTask] {
        recurrentTasks(layout) + denseTasks(layout.parameters)
    }

    private static func recurrentTasks(_ layout: GradientLayout) -> [PanelTask] {
        let configuration = layout.parameters.configuration
        let panels = Panels(units: configuration.rnnUnits)
        return layout.parameters.recurrent.indices.reversed().flatMap { layer in
            configuration.cell.routes.enumerated().flatMap { group, route in
                (0..<panels.count).map { panel in
                    let columns = panels.columns(panel)
                    return PanelTask(
                        source: .gates(layer: layer, group: group), panel: panel, width: columns.count,
                        targets: targets(layout, layer: layer, route, column: columns.lowerBound))
                }
            }
        }
    }

    /// Returns the targets of a panel of one record group; `column` is the panel's first within the
    /// gate.
    private static func targets(
        _ layout: GradientLayout, layer: Int, _ route: Cell.Route, column: Int
    ) -> [Target] {
        let configuration = layout.parameters.configuration
        let units = configuration.rnnUnits
        let stride = configuration.cell.gates * units
        let place = layout.parameters.recurrent[layer]
        let first = route.gate * units + column
        return route.destinations.map { destination in
            switch destination {
            case .recurrentKernel:
                Target(
                    factor: .hiddenBefore(layer: layer), rows: units, offset: place.recurrentKernel + first,
                    stride: stride)
            case .kernel where layer == 0:
                Target(
                    factor: .characters, rows: layout.tableRows,
                    offset: layout.table.lowerBound + first, stride: stride)
            case .kernel:
                Target(
                    factor: .hiddenAfter(layer: layer - 1), rows: units, offset: place.kernel + first, stride: stride)
            case .bias(let row):
                Target(factor: .ones, rows: 1, offset: place.bias + row * stride + first, stride: stride)
            }
        }
    }

    private static func denseTasks(_ layout: ParameterLayout) -> [PanelTask] {
        let configuration = layout.configuration
        let panels = Panels(units: configuration.vocabularySize)
        return (0..<panels.count).map { panel in
            let columns = panels.columns(panel)
            return PanelTask(
                source: .logits, panel: panel, width: columns.count,
                targets: [
                    Target(
                        factor: .hiddenAfter(layer: configuration.layers - 1), rows: configuration.rnnUnits,
                        offset: layout.denseKernel + columns.lowerBound, stride: configuration.vocabularySize),
                    Target(
                        factor: .ones, rows: 1, offset: layout.denseBias + columns.lowerBound,
                        stride: configuration.vocabularySize),
                ])
        }
    }
}

/// A task and the segment of its sums in wire order.
struct PlacedTask: Sendable {
    let task: PanelTask
    let segment: GradientBlocks.Segment
}
