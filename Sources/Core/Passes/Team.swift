/// Workers that advance the same rows together; each member computes a part of the units of every
/// layer.
struct Team: Sendable {
    /// The team's rows.
    let rows: Range<Int>
    /// The units of each member.
    let units: [Range<Int>]
    /// The members' barrier.
    let barrier: WorkerBarrier

    /// Creates a team.
    init(rows: Range<Int>, units: [Range<Int>]) {
        (self.rows, self.units) = (rows, units)
        barrier = WorkerBarrier(count: units.count)
    }

    /// The number of members.
    var count: Int { units.count }
}
