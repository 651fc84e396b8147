import CKernels

/// A model of the time of a time step, as far as it depends on the division of rows and units among
/// workers.
///
/// A step is bound by the member with the most rows and units. For each recurrent or input matrix
/// of [H, G·H] that member multiplies, reads weights, fetches the results of the others, and waits
/// for them:
///
///     multiply   rows · H · G·H · share / rate   (at least 2 rows, because the weights are loaded
///                                                once; with AMX a multiple of 16)
///     read       bytes · share / bandwidth       (of the private cache if the share fits half of
///                                                it, otherwise of the shared cache or of memory)
///     fetch      rows · H · 4 · (1 + G) · (1 − 1/members) / exchange bandwidth
///     wait       (wait + wait per member · members) for each layer and direction
///
/// `share` is the member's part of the units. Reading doesn't overlap with multiplying: a product
/// of 32 rows on two cores of a Zen 3 reached 0.79 of its multiply-add peak with all of 12.6 MB of
/// weights, and 0.90 with half of them; this model gives 0.81 and 0.89. The rates are those of a
/// core of 3 GHz; only their ratios matter.
struct TeamCost {
    /// The properties of a core.
    let core: Core
    /// H.
    let units: Int
    /// The elements of all matrices that the forward pass of a time step multiplies by.
    let elements: Int
    let layers: Int
    let gates: Int
    /// The bytes per element.
    let bytes: Int
    /// Products compute a multiple of this many rows.
    var rowStep = 1

    /// The properties of a core that determine the cost.
    struct Core: Hashable, Sendable {
        /// The bytes of the core's private cache.
        var ownCache: Int
        /// The bytes of the cache that cores share.
        var sharedCache: Int
        /// Multiply-adds per nanosecond.
        var rate: Double

        /// Bytes per nanosecond.
        static let ownBandwidth = 100.0, sharedBandwidth = 25.0, memoryBandwidth = 8.0
        /// Bytes per nanosecond that another core has just written.
        static let exchangeBandwidth = 10.0
        /// Nanoseconds.
        static let wait = 500.0, waitPerMember = 50.0
    }

    /// Returns the nanoseconds of a time step, forward and backward.
    ///
    /// - Parameters:
    ///   - rows: the number of rows.
    ///   - grid: the division of rows and units.
    func nanoseconds(rows: Int, _ grid: TeamGrid) -> Double {
        let rows = rows.groups(of: grid.teams)
        let step = TeamGrid.unitStep(rows: rows, units: units, members: grid.members)
        let share = Double(min(units, units.groups(of: step).groups(of: grid.members) * step)) / Double(units)
        let multiply = Double(max(2, rows.groups(of: rowStep) * rowStep)) * Double(elements) * share / core.rate
        let weights = Double(elements * bytes) * share
        let read = weights / bandwidth(share: weights)
        guard grid.members > 1 else { return 2 * (multiply + read) }
        let others = 1 - 1 / Double(grid.members)
        let exchanged = Double(rows * units * 4 * layers * (1 + gates)) * others / Core.exchangeBandwidth
        let waiting = 2 * Double(layers) * (Core.wait + Core.waitPerMember * Double(grid.members))
        return 2 * (multiply + read) + exchanged + waiting
    }

    private func bandwidth(share: Double) -> Double {
        if share <= Double(core.ownCache) / 2 { return Core.ownBandwidth }
        return elements * bytes <= core.sharedCache ? Core.sharedBandwidth : Core.memoryBandwidth
    }

    /// Returns the grid with the lowest cost and, among equals, the fewest members.
    ///
    /// - Parameters:
    ///   - rows: the number of rows.
    ///   - workers: the most workers of a grid.
    ///   - members: the requested number of members; nil for the best one.
    func best(rows: Int, workers: Int, members: Int? = nil) -> TeamGrid {
        let most = min(workers, TeamGrid.maxMembers(units: units))
        let wanted = members.map { min(max(1, $0), most) }
        let candidates = (wanted.map { $0...$0 } ?? 1...most).map {
            TeamGrid(teams: max(1, min(workers / $0, rows)), members: $0)
        }
        let costs = candidates.map { ($0, nanoseconds(rows: rows, $0)) }
        return costs.min { $0.1 < $1.1 }?.0 ?? TeamGrid(teams: 1, members: 1)
    }
}

extension TeamCost {
    /// Creates the costs of a model on this machine.
    init(_ configuration: ModelConfiguration, format: OperandFormat, core: Core? = nil) {
        let (units, cell, layers) = (configuration.rnnUnits, configuration.cell, configuration.layers)
        self.init(
            core: core ?? Core.current(for: format), units: units,
            elements: (2 * layers - 1) * units * units * cell.gates, layers: layers, gates: cell.gates,
            bytes: [.bf16, .bf16Tiles, .expandedBF16].contains(format) ? 2 : 4,
            rowStep: format == .bf16Tiles ? DTRAIN_TILE_ROWS : 1)
    }
}

extension TeamCost.Core {
    /// Returns the properties of this machine's cores.
    static func current(for format: OperandFormat) -> Self {
        TeamCost.Core(
            ownCache: SystemCaches.own, sharedCache: SystemCaches.shared, rate: rate(of: dtrain_isa_in_use(), format))
    }

    /// Returns the multiply-adds per nanosecond with an instruction set.
    static func rate(of set: dtrain_isa, _ format: OperandFormat) -> Double {
        switch (set, format) {
        case (DTRAIN_ISA_PLAIN, _): 6
        case (DTRAIN_ISA_GENERIC, _): 24
        case (DTRAIN_ISA_AVX2, _): 48
        case (_, .bf16): 192
        case (DTRAIN_ISA_AMX, .bf16Tiles): 500
        default: 96
        }
    }
}
