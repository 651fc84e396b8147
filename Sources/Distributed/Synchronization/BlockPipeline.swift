import DTrainCore

/// What is done with one block after another, by whoever represents its elements on the way.
protocol BlockSum: AnyObject {
    /// Where this rank's nodes are; from there on the sum takes their place.
    func use(nodes: UnsafeMutablePointer<Float>)

    /// Begins to send each owner its part of a block; collective.
    func startExchange(of block: Int) throws -> any Transfer

    /// Adds up this rank's part, when the exchange is complete.
    func addUp(_ block: Int)

    /// Begins to send this rank's part to all; collective. The last block takes the note along.
    func startGathering(of block: Int, note: RankTrailer) throws -> any Transfer

    /// Leaves a gathered block as the sum.
    func complete(_ block: Int)

    /// All ranks' notes, when the last block is complete.
    var notes: [RankTrailer] { get }
}

/// Keeps blocks moving: each is exchanged, added up, gathered and completed.
///
/// All ranks begin the exchanges in the order of the blocks, and so the gatherings; one doesn't wait for the other.
final class BlockPipeline {
    /// Sent with the last block.
    var note = RankTrailer()
    /// All ranks' notes, when all is done.
    var notes: [RankTrailer] { sum.notes }
    /// The seconds during which at least one block was on its way.
    private(set) var busySeconds = 0.0

    private let sum: any BlockSum
    private let count: Int
    // Of leading blocks: those whose exchange has begun, whose gathering has begun, that are complete.
    private var exchanged = 0
    private var gathered = 0
    private var completed = 0
    private var exchanges: [(any Transfer)?]
    private var gatherings: [(any Transfer)?]
    private var busySince: Double?

    init(_ sum: any BlockSum, count: Int) {
        self.sum = sum
        self.count = count
        exchanges = Array(repeating: nil, count: count)
        gatherings = exchanges
    }

    var isDone: Bool { completed == count }

    /// What a rank with nothing else to do waits for.
    var current: StaticString { gathered < count ? "MPI_Ialltoallv" : "MPI_Iallgatherv" }

    func begin(nodes: UnsafeMutablePointer<Float>) {
        sum.use(nodes: nodes)
        (exchanged, gathered, completed, busySeconds) = (0, 0, 0, 0)
        busySince = nil
    }

    /// Does what can be done without waiting.
    ///
    /// - Parameters:
    ///   - finished: leading blocks whose nodes are computed.
    ///   - limit: leading blocks that may be gathered.
    /// - Returns: whether anything has come to an end.
    func advance(finished: Int, gatherings limit: Int) throws -> Bool {
        var hasMoved = false
        while exchanged < finished {
            exchanges[exchanged] = try sum.startExchange(of: exchanged)
            exchanged += 1
        }
        while gathered < min(exchanged, limit), try exchanges[gathered]?.isComplete() == true {
            exchanges[gathered] = nil
            sum.addUp(gathered)
            gatherings[gathered] = try sum.startGathering(of: gathered, note: note)
            gathered += 1
            hasMoved = true
        }
        while completed < gathered, try gatherings[completed]?.isComplete() == true {
            gatherings[completed] = nil
            sum.complete(completed)
            completed += 1
            hasMoved = true
        }
        noteTime()
        return hasMoved
    }

    private func noteTime() {
        let isBusy = completed < exchanged
        guard isBusy || busySince != nil else { return }
        let now = Clock.seconds
        if let busySince { busySeconds += now - busySince }
        busySince = isBusy ? now : nil
    }
}
