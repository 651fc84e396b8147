import DTrainCore

extension GradientSynchronizer {
    /// The reduction of one step's gradient, from `begin` to `finish`.
    ///
    /// It can't be copied, and `finish` consumes it. Until then the synchronizer starts no other
    /// reduction.
    package struct Reduction: ~Copyable {
        private let synchronizer: GradientSynchronizer
        private let nodes: UnsafeMutablePointer<Float>

        init(_ synchronizer: GradientSynchronizer, nodes: UnsafeMutablePointer<Float>) {
            (self.synchronizer, self.nodes) = (synchronizer, nodes)
        }

        /// Starts the transfers of finished blocks and advances those in progress, without waiting.
        ///
        /// Not collective. Call it on the communicator's thread; frequent calls overlap more of the
        /// exchange.
        ///
        /// - Parameter finished: the number of leading blocks whose nodes are computed.
        package func advance(finished: Int) throws {
            guard case .blocks(let pipeline) = synchronizer.method else { return }
            try pipeline.advance(finished: finished, nodes)
        }

        /// Completes the reduction once all nodes are computed; collective.
        ///
        /// - Parameter stopSignal: the stop signal that this rank received, 0 for none; sent to all
        ///   ranks with the sums.
        /// - Returns: the times of the reduction, and the trailers of all ranks.
        package consuming func finish(stopSignal: UInt32 = 0) throws -> Outcome {
            let start = Clock.seconds
            let own = RankTrailer(
                stopSignal: stopSignal, computingSeconds: start - (synchronizer.computingSince ?? start))
            var times = ReductionTimes()
            let trailers: [RankTrailer]
            switch synchronizer.method {
            case .alone: trailers = [own]
            case .blocks(let pipeline):
                times.interleaved = pipeline.interleavedSeconds
                trailers = try pipeline.finish(nodes, trailer: own, synchronizer.communicator)
                times.hidden = pipeline.hiddenSeconds
            case .library(let library):
                trailers = try library.reduce(nodes, trailer: own, synchronizer.communicator)
            }
            let end = Clock.seconds
            synchronizer.computingSince = end
            synchronizer.isReducing = false
            times.finishing = end - start
            let longest = trailers.reduce(own.computingMicroseconds) { max($0, $1.computingMicroseconds) }
            times.waiting = min(times.finishing, Double(longest - own.computingMicroseconds) * 1e-6)
            return Outcome(times: times, trailers: trailers)
        }
    }

    /// The result of a reduction besides the sum.
    package struct Outcome: Hashable, Sendable {
        /// The times of this rank.
        package let times: ReductionTimes
        /// The trailers of all ranks, in rank order.
        package let trailers: [RankTrailer]

        /// The stop signals that the ranks received, in rank order; 0 for none.
        package var stopSignals: [UInt32] { trailers.map(\.stopSignal) }
    }
}
