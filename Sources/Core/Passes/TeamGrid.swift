import CKernels

/// How workers divide rows and units: teams of rows, whose members have units.
///
/// A grid changes no bit: every sum is one worker's, in the same order.
public struct TeamGrid: Hashable, Sendable {
    /// The number of teams, each with some of the rows.
    public let teams: Int
    /// The workers of a team, each with some of the units.
    public let members: Int

    /// Describes a grid.
    package init(teams: Int, members: Int) { (self.teams, self.members) = (teams, members) }

    /// The most members that some units can be divided among: products start and end with whole vectors.
    package static func mostMembers(units: Int) -> Int {
        units.isMultiple(of: DTRAIN_LINE) ? max(1, units / DTRAIN_LINE) : 1
    }

    /// Refuses a number of members that threads or units can't be divided among.
    ///
    /// - Throws: `DTrainError` with `usage`.
    static func check(members: Int, threads: Int, units: Int) throws {
        guard members > 0, threads.isMultiple(of: members) else {
            let divisors = (1...max(1, threads)).filter { threads.isMultiple(of: $0) }
            throw DTrainError(
                .usage, "\(threads) thread\(threads == 1 ? "" : "s") can't form teams of `members` \(members)",
                hint: "give \(divisors.map(String.init).joined(separator: ", "))")
        }
        guard members <= mostMembers(units: units) else {
            throw DTrainError(
                .usage,
                "`members` \(members) can't divide \(units) units: each has a multiple of \(DTRAIN_LINE), or one has all",
                hint: "give \(mostMembers(units: units)) at most")
        }
    }

    /// The units that members divide: the members' shares are multiples of it.
    ///
    /// Products of few rows are fastest in whole column blocks, others in two vectors, unless a member gets more to do for it.
    static func unitStep(rows: Int, units: Int, members: Int) -> Int {
        let wanted = rows <= fewRows ? DTRAIN_BLOCK_COLUMNS : 2 * DTRAIN_LINE
        func largest(_ step: Int) -> Int { units.groups(of: step).groups(of: members) * step }
        guard units.isMultiple(of: DTRAIN_LINE), members > 1 else { return units }
        let isFair = units / wanted >= members && largest(wanted) == largest(DTRAIN_LINE)
        return units.isMultiple(of: wanted) && isFair ? wanted : DTRAIN_LINE
    }

    private static let fewRows = 5

    /// The teams of a grid.
    ///
    /// - Parameters:
    ///   - rows: all rows; with fewer rows than teams some teams have none and are left out.
    ///   - units: the units of each layer.
    func divide(rows: Int, units: Int) -> [Team] {
        Partition.balanced(count: rows, parts: teams).filter { !$0.isEmpty }.map { part in
            let step = Self.unitStep(rows: part.count, units: units, members: members)
            let shares = Partition.balanced(count: units / step, parts: min(members, units / step))
            return Team(rows: part, units: shares.map { $0.lowerBound * step..<$0.upperBound * step })
        }
    }
}
