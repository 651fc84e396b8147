import CKernels
import Testing

@testable import DTrainCore

/// The division of rows and units among workers.
@Suite struct TeamGridTests {
    /// Each row belongs to one team and each unit to one of its members, in whole vectors; shares
    /// differ by at most one unit step.
    @Test(arguments: [1024, 192, 48, 100], [1, 2, 3, 7, 16, 64])
    func everyUnitBelongsToOneMember(units: Int, members: Int) {
        let members = min(members, TeamGrid.maxMembers(units: units))
        for rows in [1, 5, 6, 64] {
            let teams = TeamGrid(teams: 3, members: members).divide(rows: rows, units: units)
            #expect(teams.flatMap { Array($0.rows) } == Array(0..<rows))
            for team in teams {
                #expect(team.count == members && team.units.flatMap(Array.init) == Array(0..<units))
                guard members > 1 else { continue }
                #expect(team.units.allSatisfy { $0.lowerBound.isMultiple(of: 16) && $0.upperBound.isMultiple(of: 16) })
                let step = TeamGrid.unitStep(rows: team.rows.count, units: units, members: members)
                let sizes = team.units.map(\.count)
                #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= step)
            }
        }
    }

    /// Few rows have a step of one column block (64 units), others of two vectors (32).
    ///
    /// A step of one vector is used where it divides the units more evenly.
    @Test func unitStepsDependOnRowsUnitsAndMembers() {
        #expect(TeamGrid.unitStep(rows: 2, units: 1024, members: 16) == 64)
        #expect(TeamGrid.unitStep(rows: 2, units: 1024, members: 17) == 16)
        #expect(TeamGrid.unitStep(rows: 64, units: 1024, members: 32) == 32)
        #expect(TeamGrid.unitStep(rows: 64, units: 1024, members: 33) == 16)
        // Two shares of 48 are more even than 64 and 32.
        #expect(TeamGrid.unitStep(rows: 64, units: 96, members: 2) == 16)
        #expect(TeamGrid.unitStep(rows: 64, units: 100, members: 1) == 100)
        #expect(TeamGrid.maxMembers(units: 100) == 1)
    }

    @Test func impossibleTeamSizesAreRejected() throws {
        func message(_ members: Int, threads: Int, units: Int) -> String? {
            do {
                try TeamGrid.check(members: members, threads: threads, units: units)
                return nil
            } catch { return (error as? DTrainError)?.message }
        }
        #expect(message(4, threads: 8, units: 64) == nil)
        #expect(try #require(message(3, threads: 8, units: 64)).contains("8 threads can't form teams of `members` 3"))
        #expect(try #require(message(8, threads: 8, units: 64)).contains("`members` 8 can't divide 64 units"))
        #expect(message(1, threads: 1, units: 100) == nil)
    }
}

/// The cost model with round numbers: a core makes 100 multiply-adds per nanosecond.
@Suite struct TeamCostTests {
    /// One layer of a GRU, 1024 units, in float32: 3,145,728 weights.
    private static func cost(ownCache: Int = 1 << 20, units: Int = 1024, bytes: Int = 4) -> TeamCost {
        TeamCost(
            core: TeamCost.Core(ownCache: ownCache, sharedCache: 1 << 25, rate: 100), units: units,
            elements: 3 * units * units, layers: 1, gates: 3, bytes: bytes)
    }

    /// The cost is 64 rows · 3,145,728 / 100, plus 12.6 MB from the shared cache at 25 bytes per
    /// nanosecond, forward and backward.
    @Test func teamsOfOneCostProductsAndReads() {
        let (multiply, read) = (64.0 * 3_145_728 / 100, 4.0 * 3_145_728 / 25)
        #expect(Self.cost().nanoseconds(rows: 64, TeamGrid(teams: 1, members: 1)) == 2 * (multiply + read))
        // Two teams halve the rows but not the reads.
        #expect(Self.cost().nanoseconds(rows: 64, TeamGrid(teams: 2, members: 1)) == 2 * (multiply / 2 + read))
    }

    /// Two members halve both costs.
    ///
    /// In addition, they copy half of 64 · 1024 states and three times as many gradients, and
    /// synchronize twice.
    @Test func membersDivideTheCostAndAddSynchronization() {
        let own = (64.0 * 3_145_728 / 100 + 4.0 * 3_145_728 / 25) / 2
        let exchanged = 64.0 * 1024 * 4 * 4 / 2 / 10
        let synchronization = 2 * (500.0 + 2 * 50)
        #expect(
            Self.cost().nanoseconds(rows: 64, TeamGrid(teams: 1, members: 2)) == 2 * own + exchanged + synchronization)
    }

    /// A share that fits the member's own cache is read four times as fast.
    @Test func sharesThatFitTheOwnCacheAreReadFaster() {
        let cost = Self.cost(ownCache: 1 << 21, bytes: 2)
        // The weights have 6.3 MB: an eighth (786 KB) fits half of 2 MiB, a quarter doesn't.
        func read(_ members: Int) -> Double {
            let all = cost.nanoseconds(rows: 2, TeamGrid(teams: 1, members: members))
            let multiply = 2 * 2.0 * 3_145_728 / 100 / Double(members)
            let exchanged = 2.0 * 1024 * 4 * 4 * (1 - 1 / Double(members)) / 10
            return all - multiply - exchanged - 2 * (500 + 50 * Double(members))
        }
        #expect(abs(read(4) - 2 * 6_291_456.0 / 4 / 25) < 1)
        #expect(abs(read(8) - 2 * 6_291_456.0 / 8 / 100) < 1)
    }

    /// A partial tile costs as much as a full one of 16 rows.
    @Test func partialTilesCostAsMuchAsFullOnes() {
        var cost = Self.cost()
        cost.rowStep = 16
        let alone = TeamGrid(teams: 1, members: 1)
        #expect(cost.nanoseconds(rows: 1, alone) == cost.nanoseconds(rows: 16, alone))
        #expect(cost.nanoseconds(rows: 17, alone) == cost.nanoseconds(rows: 32, alone))
    }

    @Test func largeModelsUseTeamsAndSmallOnesDoNot() {
        #expect(Self.cost().best(rows: 64, workers: 2) == TeamGrid(teams: 1, members: 2))
        #expect(Self.cost(units: 64).best(rows: 64, workers: 2) == TeamGrid(teams: 2, members: 1))
        // A single row can only be divided by units, if that outweighs the synchronization.
        #expect(Self.cost().best(rows: 1, workers: 4) == TeamGrid(teams: 1, members: 4))
        #expect(Self.cost(units: 16).best(rows: 1, workers: 4) == TeamGrid(teams: 1, members: 1))
    }

    @Test func theRequestedTeamSizeIsUsed() {
        #expect(Self.cost().best(rows: 64, workers: 8, members: 4) == TeamGrid(teams: 2, members: 4))
        #expect(Self.cost().best(rows: 64, workers: 8, members: 1) == TeamGrid(teams: 8, members: 1))
        // There are at most as many teams as rows.
        #expect(Self.cost().best(rows: 2, workers: 8, members: 1) == TeamGrid(teams: 2, members: 1))
    }

    /// No grid exceeds the number of workers, and the chosen one has the lowest cost.
    @Test(arguments: [1, 2, 3, 8, 16, 64], [1, 2, 8, 64])
    func theChosenGridIsTheCheapest(workers: Int, rows: Int) {
        let cost = Self.cost()
        let best = cost.best(rows: rows, workers: workers)
        #expect(best.teams * best.members <= workers && best.teams <= rows)
        for members in 1...workers {
            let other = TeamGrid(teams: max(1, min(workers / members, rows)), members: members)
            #expect(cost.nanoseconds(rows: rows, best) <= cost.nanoseconds(rows: rows, other))
        }
    }
}
