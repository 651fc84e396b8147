import DTrainCore

/// The steps of a block's reduction, for one representation of the elements in transit.
///
/// `nodes` is this rank's buffer of nodes, laid out as `GradientBlocks` describes. The sum replaces
/// the nodes, from the front.
protocol BlockSum: AnyObject {
    /// The plan of each block.
    var plans: [BlockPlan] { get }

    /// The trailers of all ranks, in rank order; set when the block that carries them is complete.
    var trailers: [RankTrailer] { get }

    /// Starts to send each rank its part of a block; collective.
    func startExchange(of block: Int, _ nodes: UnsafeMutablePointer<Float>) throws -> any Transfer

    /// Adds up this rank's part after the exchange is complete.
    func addUp(_ block: Int, _ nodes: UnsafeMutablePointer<Float>)

    /// Starts to send this rank's part to all ranks; collective.
    ///
    /// - Parameters:
    ///   - block: the block.
    ///   - nodes: this rank's buffer.
    ///   - trailer: this rank's trailer; sent if the block carries trailers.
    func startGathering(
        of block: Int, _ nodes: UnsafeMutablePointer<Float>, trailer: RankTrailer?
    ) throws -> any Transfer

    /// Stores a gathered block as the sum.
    func complete(_ block: Int, _ nodes: UnsafeMutablePointer<Float>)
}

/// A pipeline that moves all blocks of a gradient through exchange, addition and gathering.
///
/// All ranks start the exchanges in the order of the blocks, and likewise the gatherings. The two
/// orders are independent.
final class BlockPipeline {
    private enum Stage {
        case computing, complete
        case exchange(any Transfer)
        case gathering(any Transfer)
    }

    /// The seconds in which this rank computed while at least one block was in transit.
    private(set) var hiddenSeconds = 0.0
    /// The seconds spent in `advance` before `finish`.
    private(set) var interleavedSeconds = 0.0

    private let sum: any BlockSum
    private var stages: [Stage]
    // The numbers of leading blocks whose exchange has started, whose gathering has started, and
    // that are complete.
    private var exchanged = 0
    private var gathered = 0
    private var completed = 0
    // The time when this rank last resumed computing with a block in transit, in `Clock.seconds`.
    private var computingSince: Double?

    init(_ sum: any BlockSum) {
        self.sum = sum
        stages = Array(repeating: .computing, count: sum.plans.count)
    }

    /// Prepares for the next reduction.
    func reset() {
        for block in stages.indices { stages[block] = .computing }
        (exchanged, gathered, completed) = (0, 0, 0)
        (hiddenSeconds, interleavedSeconds, computingSince) = (0, 0, nil)
    }

    /// Advances the blocks without waiting, while this rank still computes.
    ///
    /// - Parameters:
    ///   - finished: the number of leading blocks whose nodes are computed.
    ///   - nodes: this rank's buffer.
    func advance(finished: Int, _ nodes: UnsafeMutablePointer<Float>) throws {
        let start = endComputing()
        _ = try advance(finished: finished, nodes, trailer: nil)
        let end = Clock.seconds
        interleavedSeconds += end - start
        computingSince = completed < exchanged ? end : nil
    }

    /// Completes all blocks once their nodes are computed; collective.
    ///
    /// - Returns: the trailers of all ranks, in rank order.
    func finish(
        _ nodes: UnsafeMutablePointer<Float>, trailer: RankTrailer, _ communicator: any Communicator
    ) throws -> [RankTrailer] {
        _ = endComputing()
        while completed < stages.count {
            // Each wait ends with some progress, which the stall watch sees.
            try communicator.wait(for: gathered < stages.count ? "MPI_Ialltoallv" : "MPI_Iallgatherv") {
                try advance(finished: stages.count, nodes, trailer: trailer)
            }
        }
        return sum.trailers
    }

    /// Starts and completes transfers as far as possible without waiting.
    ///
    /// - Returns: whether a transfer has completed.
    private func advance(
        finished: Int, _ nodes: UnsafeMutablePointer<Float>, trailer: RankTrailer?
    ) throws -> Bool {
        var hasMoved = false
        while exchanged < finished {
            stages[exchanged] = .exchange(try sum.startExchange(of: exchanged, nodes))
            exchanged += 1
        }
        while gathered < exchanged, trailer != nil || sum.plans[gathered].trailers == nil,
            case .exchange(let transfer) = stages[gathered], try transfer.isComplete()
        {
            sum.addUp(gathered, nodes)
            stages[gathered] = .gathering(try sum.startGathering(of: gathered, nodes, trailer: trailer))
            gathered += 1
            hasMoved = true
        }
        while completed < gathered, case .gathering(let transfer) = stages[completed], try transfer.isComplete() {
            sum.complete(completed, nodes)
            stages[completed] = .complete
            completed += 1
            hasMoved = true
        }
        return hasMoved
    }

    /// Ends a period of computing and adds its time to `hiddenSeconds`.
    ///
    /// - Returns: the time of the call, in `Clock.seconds`.
    private func endComputing() -> Double {
        let now = Clock.seconds
        if let computingSince { hiddenSeconds += now - computingSince }
        computingSince = nil
        return now
    }
}
