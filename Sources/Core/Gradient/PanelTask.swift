/// One column panel of the weight gradients: which gradient columns it yields, from which panel of the tape.
struct PanelTask: Hashable, Sendable {
    enum Source: Hashable, Sendable {
        /// A group of a recurrent layer's record.
        case gates(layer: Int, group: Int)
        /// d(loss)/d(logits).
        case logits
    }

    /// What is multiplied with the panel and where the result goes: rows `offset + i * stride + column` of the flat gradient.
    struct Target: Hashable, Sendable {
        enum Factor: Hashable, Sendable {
            /// hᵀ of a layer before each token.
            case hiddenBefore(layer: Int)
            /// hᵀ of a layer after each token.
            case hiddenAfter(layer: Int)
            /// The one-hot input characters.
            case characters
            /// All ones: column sums.
            case ones

            /// Whether a big product is needed.
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

    let source: Source
    let panel: Int
    /// The panel's width.
    let width: Int
    /// The cheap sums first: they bring the panel into the cache for the products.
    let targets: [Target]

    init(source: Source, panel: Int, width: Int, targets: [Target]) {
        self.source = source
        self.panel = panel
        self.width = width
        self.targets = targets.filter { !$0.factor.isHidden } + targets.filter { $0.factor.isHidden }
    }

    /// Floats of partial sums.
    var scratch: Int { targets.reduce(0) { $0 + $1.rows * width } }

    /// All tasks of a model.
    static func all(_ layout: ParameterLayout) -> [PanelTask] {
        recurrentTasks(layout) + denseTasks(layout)
    }

    private static func recurrentTasks(_ layout: ParameterLayout) -> [PanelTask] {
        let configuration = layout.configuration
        let panels = Panels(units: configuration.rnnUnits)
        return layout.recurrent.indices.reversed().flatMap { layer in
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

    /// The sums that a panel of one record group yields; `column` is the panel's first within the gate.
    private static func targets(
        _ layout: ParameterLayout, layer: Int, _ route: Cell.Route, column: Int
    ) -> [Target] {
        let configuration = layout.configuration
        let units = configuration.rnnUnits
        let stride = configuration.cell.gates * units
        let place = layout.recurrent[layer]
        let first = route.gate * units + column
        return route.destinations.map { destination in
            switch destination {
            case .recurrentKernel:
                Target(
                    factor: .hiddenBefore(layer: layer), rows: units, offset: place.recurrentKernel + first,
                    stride: stride)
            case .kernel where layer == 0:
                Target(
                    factor: .characters, rows: configuration.vocabularySize,
                    offset: GradientLayout(layout).table + first, stride: stride)
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
