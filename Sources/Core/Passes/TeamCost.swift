import CKernels

/// The time of a time step, as far as it depends on how workers divide rows and units.
///
/// A step is bound by the member with the most rows and units. For each recurrent or input matrix of [H, G·H] it multiplies,
/// reads weights, takes over what the others have computed, and meets them:
///
///     multiply   rows · H · G·H · share / rate       a row alone costs as much as two, since its weights are loaded; AMX has tiles of 16
///     read       bytes · share / (own or shared cache's bandwidth)  own where the share fits half of the core's cache
///     take over  rows · H · 4 · (1 + G) · (1 − 1/members) / exchange bandwidth
///     meet       (wait + wait per member · members) for each layer and direction
///
/// `share` is the part of the units. Reading is added, not hidden: a product of 32 rows on two cores of a Zen 3 reached 0.79 of its
/// multiply-add peak with all of 12.6 MB of weights, and 0.90 with half of them; these sums give 0.81 and 0.89. The rates are those of
/// a core of 3 GHz; only their ratios matter.
struct TeamCost {
    /// What the core offers.
    let core: Core
    /// H.
    let units: Int
    /// The elements of all matrices that a time step multiplies with, forward.
    let elements: Int
    let layers: Int
    let gates: Int
    /// The bytes of an element.
    let bytes: Int
    /// Products compute multiples of so many rows.
    var rowStep = 1

    /// A core as the costs see it.
    struct Core: Hashable, Sendable {
        /// Bytes of the cache that it has to itself.
        var ownCache: Int
        /// Bytes of the cache that it shares with others.
        var sharedCache: Int
        /// Multiply-adds a nanosecond.
        var rate: Double

        /// Bytes a nanosecond.
        static let ownBandwidth = 100.0, sharedBandwidth = 25.0, memoryBandwidth = 8.0
        /// Bytes a nanosecond that another core has just written.
        static let exchangeBandwidth = 10.0
        /// Nanoseconds.
        static let wait = 500.0, waitPerMember = 50.0
    }

    /// The nanoseconds of a time step, forward and backward.
    ///
    /// - Parameters:
    ///   - rows: all rows.
    ///   - grid: how they and the units are divided.
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
        let meet = 2 * Double(layers) * (Core.wait + Core.waitPerMember * Double(grid.members))
        return 2 * (multiply + read) + exchanged + meet
    }

    private func bandwidth(share: Double) -> Double {
        if share <= Double(core.ownCache) / 2 { return Core.ownBandwidth }
        return elements * bytes <= core.sharedCache ? Core.sharedBandwidth : Core.memoryBandwidth
    }

    /// The grid of the least cost; of equal ones that with the fewest members.
    ///
    /// - Parameters:
    ///   - rows: all rows.
    ///   - workers: no grid has more.
    ///   - members: the number that is asked for; nil for the best one.
    func best(rows: Int, workers: Int, members: Int? = nil) -> TeamGrid {
        let most = min(workers, TeamGrid.mostMembers(units: units))
        let wanted = members.map { min(max(1, $0), most) }
        let candidates = (wanted.map { $0...$0 } ?? 1...most).map {
            TeamGrid(teams: max(1, min(workers / $0, rows)), members: $0)
        }
        let costs = candidates.map { ($0, nanoseconds(rows: rows, $0)) }
        return costs.min { $0.1 < $1.1 }?.0 ?? TeamGrid(teams: 1, members: 1)
    }
}

extension TeamCost {
    /// The costs of a model on this machine.
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
    /// This machine's.
    static func current(for format: OperandFormat) -> Self {
        TeamCost.Core(
            ownCache: SystemCaches.own, sharedCache: SystemCaches.shared, rate: rate(of: dtrain_isa_in_use(), format))
    }

    /// The multiply-adds a nanosecond with an instruction set.
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
