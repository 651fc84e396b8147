import DTrainCore
import DTrainDistributed
import DistributedTesting

/// Compares the times of the exchange along the tree and of the library's allreduce.
///
/// The gradient has 16.1 MB and the blocks of a training. The two take turns.
struct Bandwidth {
    /// The number of measurements of each.
    let repeats: Int

    /// The number of parameters of the tutorial's model.
    private static let count = 4_022_850

    /// Measures and prints medians on rank 0; collective.
    func measure(_ ranks: any Communicator) throws {
        let (count, size) = (Self.count, ranks.size)
        // One more element, for the loss.
        let nodes = try AlignedBuffer<Float>(count: count + 1)
        let values = try AlignedBuffer<Float>(count: count)
        let modes: [(name: String, mode: GradientSummation)] = [
            ("tree", .tree), ("--allreduce mpi", .library),
        ]
        var trials: [(name: String, run: () throws -> Void)] = [
            ("MPI_Allreduce", { try ranks.allReduceSum(inPlace: values.elements) })
        ]
        for (name, mode) in modes {
            let synchronizer = try GradientSynchronizer(
                communicator: ranks, tree: ReductionTree(leafCount: size),
                runs: Partition.balanced(count: size, parts: size),
                blocks: GradientBlocks(tasks: Self.panels, lossOffset: count, ranks: size), mode: mode)
            trials.append((name, { _ = try synchronizer.begin(nodes: nodes.pointer).finish() }))
        }
        var seconds = [[Double]](repeating: [], count: trials.count)
        for _ in 0..<repeats + 2 {
            for (index, trial) in trials.enumerated() {
                try ranks.barrier()
                let start = Clock.seconds
                try trial.run()
                seconds[index].append(try ranks.allGather(Clock.seconds - start).max() ?? 0)
            }
        }
        guard ranks.isRoot else { return }
        for (trial, all) in zip(trials, seconds) { show(trial.name, all, against: seconds[0], ranks: size) }
    }

    /// The blocks of the gradient.
    ///
    /// They are the recurrent kernel's 24 panels of 128 columns, and pieces of the same size.
    private static var panels: [[GradientBlocks.Matrix]] {
        let (rows, columns) = (1024, 3072)
        let panels = stride(from: 0, to: columns, by: 128).map {
            [GradientBlocks.Matrix(rows: rows, width: 128, offset: $0, stride: columns)]
        }
        let pieces = stride(from: rows * columns, to: count, by: rows * 128).map { first in
            let width = min(rows * 128, count - first)
            return [GradientBlocks.Matrix(rows: 1, width: width, offset: first, stride: width)]
        }
        return panels + pieces
    }

    private func show(_ name: String, _ seconds: [Double], against base: [Double], ranks: Int) {
        // The first two measurements include page faults.
        func median(_ seconds: [Double]) -> Double { seconds.dropFirst(2).sorted()[(seconds.count - 2) / 2] }
        let bandwidth = Double(Self.count * 4) / median(seconds) / 1e9
        func rounded(_ value: Double) -> Double { (value * 100).rounded() / 100 }
        print(
            "\(name), \(ranks) ranks: median \(rounded(median(seconds) * 1000)) ms, "
                + "best \(rounded((seconds.min() ?? 0) * 1000)) ms, algbw \(rounded(bandwidth)) GB/s, "
                + "busbw \(rounded(bandwidth * 2 * Double(ranks - 1) / Double(ranks))) GB/s, "
                + "\(rounded(median(base) / median(seconds))) of MPI_Allreduce")
    }
}
