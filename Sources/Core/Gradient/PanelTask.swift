/// One column panel of the weight gradients: which gradient columns it yields, from which panel of the tape.
struct PanelTask: Hashable, Sendable {
    enum Source: Hashable, Sendable {
        /// A gate group of a recurrent layer's record.
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
            (0..<Tape.groups).flatMap { group in
                (0..<panels.count).map { panel in
                    let columns = panels.columns(panel)
                    return PanelTask(
                        source: .gates(layer: layer, group: group), panel: panel, width: columns.count,
                        targets: targets(layout, layer: layer, group: group, column: columns.lowerBound))
                }
            }
        }
    }

    /// What one gate group yields.
    ///
    /// GRU: z and r have one gradient for both products; group 2 is the recurrent part of the candidate and group 3 its input.
    private static func targets(_ layout: ParameterLayout, layer: Int, group: Int, column: Int) -> [Target] {
        let configuration = layout.configuration
        let units = configuration.rnnUnits
        let stride = configuration.cell.gates * units
        let place = layout.recurrent[layer]
        let isGRU = configuration.cell == .gru
        let first = (isGRU && group == 3 ? 2 : group) * units + column
        var targets: [Target] = []
        if !(isGRU && group == 3) {
            targets.append(
                Target(
                    factor: .hiddenBefore(layer: layer), rows: units, offset: place.recurrentKernel + first,
                    stride: stride))
            if isGRU {
                targets.append(Target(factor: .ones, rows: 1, offset: place.bias + stride + first, stride: stride))
            }
        }
        if !(isGRU && group == 2) {
            targets.append(
                layer == 0
                    ? Target(
                        factor: .characters, rows: configuration.vocabularySize,
                        offset: GradientLayout(layout).table + first, stride: stride)
                    : Target(
                        factor: .hiddenAfter(layer: layer - 1), rows: units, offset: place.kernel + first,
                        stride: stride))
            targets.append(Target(factor: .ones, rows: 1, offset: place.bias + first, stride: stride))
        }
        return targets
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
