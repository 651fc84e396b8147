import CKernels

/// The division of rows and units among workers: rows are divided among teams, units among a team's
/// members.
///
/// The grid doesn't change any bits: one worker computes each sum, always in the same order.
public struct TeamGrid: Hashable, Sendable {
    /// The number of teams, each with a part of the rows.
    public let teams: Int
    /// The number of workers in a team, each with a part of the units.
    public let members: Int

    /// Creates a grid.
    package init(teams: Int, members: Int) { (self.teams, self.members) = (teams, members) }

    /// Returns the most members that can divide the units; each member's products need whole
    /// vectors.
    package static func maxMembers(units: Int) -> Int {
        units.isMultiple(of: DTRAIN_LINE) ? max(1, units / DTRAIN_LINE) : 1
    }

    /// Checks that threads and units can be divided among a number of members.
    ///
    /// - Throws: `DTrainError` with `usage`.
    static func check(members: Int, threads: Int, units: Int) throws {
        guard members > 0, threads.isMultiple(of: members) else {
            let divisors = (1...max(1, threads)).filter { threads.isMultiple(of: $0) }
            throw DTrainError(
                .usage, "\(threads) thread\(threads == 1 ? "" : "s") can't form teams of `members` \(members)",
                hint: "give \(divisors.map(String.init).joined(separator: ", "))")
        }
        guard members <= maxMembers(units: units) else {
            throw DTrainError(
                .usage,
                "`members` \(members) can't divide \(units) units: each needs a multiple of \(DTRAIN_LINE), unless one has all",
                hint: "give at most \(maxMembers(units: units))")
        }
    }

    /// Returns the unit of the members' shares, which are multiples of it.
    ///
    /// Products of few rows are fastest in whole column blocks, others in two vectors. A smaller
    /// step is used if this would give a member more units.
    static func unitStep(rows: Int, units: Int, members: Int) -> Int {
        let wanted = rows <= fewRows ? DTRAIN_BLOCK_COLUMNS : 2 * DTRAIN_LINE
        func largest(_ step: Int) -> Int { units.groups(of: step).groups(of: members) * step }
        guard units.isMultiple(of: DTRAIN_LINE), members > 1 else { return units }
        let isFair = units / wanted >= members && largest(wanted) == largest(DTRAIN_LINE)
        return units.isMultiple(of: wanted) && isFair ? wanted : DTRAIN_LINE
    }

    private static let fewRows = 5

    /// Divides rows and units into teams.
    ///
    /// - Parameters:
    ///   - rows: the number of rows; teams without rows are left out.
    ///   - units: the number of units per layer.
    func divide(rows: Int, units: Int) -> [Team] {
        Partition.balanced(count: rows, parts: teams).filter { !$0.isEmpty }.map { part in
            let step = Self.unitStep(rows: part.count, units: units, members: members)
            let shares = Partition.balanced(count: units / step, parts: min(members, units / step))
            return Team(rows: part, units: shares.map { $0.lowerBound * step..<$0.upperBound * step })
        }
    }
}
