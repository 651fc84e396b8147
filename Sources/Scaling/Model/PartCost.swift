/// What one part of a step's arithmetic costs a worker, fitted to measurements.
///
/// With m sequences for the busiest worker, t threads a rank and k busy cores a machine, the part takes
/// a + d/t + b·m + (k − 1)·(a′ + b′·m) seconds. Threads divide d and, through m, b; they don't divide a.
public struct PartCost: Hashable, Sendable, Codable {
    /// The part's name in `StepParts`.
    public let part: String
    /// a: seconds whatever the share of the batch and the threads.
    public let fixedSeconds: Double
    /// d: seconds whatever the share of the batch, on one thread; all threads of a rank divide them.
    public let dividedSeconds: Double
    /// b: seconds a sequence.
    public let secondsPerSequence: Double
    /// a′: what each further busy core of the machine adds to a.
    public let fixedContention: Double
    /// b′: what each further busy core of the machine adds to b.
    public let sequenceContention: Double

    /// Fits the parts that are arithmetic on sequences, each on its own; nil where none of them took time.
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

    /// What the five costs are multiplied by.
    private static func amounts(_ layout: Layout, _ workload: Workload) -> [Double] {
        let (rows, others) = (workload.rows(layout), Double(layout.busyCores - 1))
        return [1, 1 / Double(layout.threads), rows, others, others * rows].map { $0 * layout.turns }
    }
}
