/// Workers that advance the same rows together: each member computes some of the units of every layer.
struct Team: Sendable {
    /// The rows that are the team's.
    let rows: Range<Int>
    /// The units of each member.
    let units: [Range<Int>]
    /// Where the members meet.
    let barrier: WorkerBarrier

    /// Describes a team.
    init(rows: Range<Int>, units: [Range<Int>]) {
        (self.rows, self.units) = (rows, units)
        barrier = WorkerBarrier(count: units.count)
    }

    /// The number of members.
    var count: Int { units.count }
}
