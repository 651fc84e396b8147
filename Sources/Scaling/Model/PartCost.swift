/// The cost of one part of a worker's arithmetic, fitted to measurements.
///
/// With m sequences for the busiest worker, t threads per rank and k busy cores per machine, the
/// part takes a + d/t + b·m + (k − 1)·(a′ + b′·m) seconds. Threads divide d and, through m, b; they
/// don't divide a.
public struct PartCost: Hashable, Sendable, Codable {
    /// The part's name in `StepParts`.
    public let part: String
    /// a: seconds independent of the local batch and of the threads.
    public let fixedSeconds: Double
    /// d: seconds on one thread, independent of the local batch; divided by the rank's threads.
    public let dividedSeconds: Double
    /// b: seconds per sequence.
    public let secondsPerSequence: Double
    /// a′: seconds that each further busy core of the machine adds to a.
    public let fixedContention: Double
    /// b′: seconds that each further busy core of the machine adds to b.
    public let sequenceContention: Double

    /// Fits each part of the arithmetic separately; nil where none of them took time.
    static func fit(_ measurements: [Measurement]) -> [PartCost]? {
        let names: Set = ["forward", "head", "backward", "weight_gradient"]
        let rows = measurements.map { amounts($0.layout, $0.workload) }
        let parts = StepParts.fields.filter { names.contains($0.name) }.compactMap { name, path -> PartCost? in
            NonNegativeLeastSquares.solve(rows, measurements.map { $0.parts[keyPath: path] }).map { costs in
                PartCost(
                    part: name, fixedSeconds: costs[0], dividedSeconds: costs[1], secondsPerSequence: costs[2],
                    fixedContention: costs[3], sequenceContention: costs[4])
            }
        }
        return parts.isEmpty ? nil : parts
    }

    /// The factors of the five costs.
    private static func amounts(_ layout: Layout, _ workload: Workload) -> [Double] {
        let (rows, others) = (workload.rows(layout), Double(layout.busyCores - 1))
        return [1, 1 / Double(layout.threads), rows, others, others * rows].map { $0 * layout.turns }
    }
}
