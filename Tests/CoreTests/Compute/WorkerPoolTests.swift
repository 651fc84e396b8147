import Synchronization
import Testing

@testable import DTrainCore

@Suite(.timeLimit(.minutes(1))) struct WorkerPoolTests {
    /// What workers write down.
    private final class Notes: Sendable {
        private let values = Mutex<[Int]>([])
        func add(_ value: Int) { values.withLock { $0.append(value) } }
        /// What was written since the last call, in order of size.
        func take() -> [Int] {
            values.withLock { values in
                defer { values = [] }
                return values.sorted()
            }
        }
    }

    private func withPool(_ count: Int, _ body: (WorkerPool) throws -> Void) throws {
        let pool = try WorkerPool(count: count)
        defer { pool.stop() }
        try body(pool)
    }

    @Test(arguments: [1, 2, 3, 8])
    func everyWorkerRunsOnceInEachRun(count: Int) throws {
        let notes = Notes()
        try withPool(count) { pool in
            #expect(pool.count == count)
            for _ in 0..<50 {
                try pool.run { notes.add($0) }
                #expect(notes.take() == Array(0..<count))
            }
        }
    }

    @Test(arguments: [0, -3])
    func poolHasAtLeastTheCallingThread(count: Int) throws {
        let notes = Notes()
        try withPool(count) { pool in
            #expect(pool.count == 1)
            try pool.run { notes.add($0) }
        }
        #expect(notes.take() == [0])
    }

    @Test(arguments: [1, 2, 5], [0, 1, 4, 1000])
    func everyTaskIsHandedOutExactlyOnce(count: Int, tasks: Int) throws {
        let notes = Notes()
        try withPool(count) { pool in
            for _ in 0..<3 {
                try pool.run { _ in
                    while let task = pool.nextTask(below: tasks) { notes.add(task) }
                }
                #expect(notes.take() == Array(0..<tasks))
            }
        }
    }

    @Test(arguments: [(1, 0), (2, 0), (2, 1), (4, 3)])
    func errorOfAnyWorkerIsThrownAndThePoolGoesOn(count: Int, failing: Int) throws {
        let notes = Notes()
        try withPool(count) { pool in
            let error = #expect(throws: DTrainError.self) {
                try pool.run { worker in
                    if worker == failing { throw DTrainError(.badData, "worker \(worker)") }
                    notes.add(worker)
                }
            }
            #expect(error == DTrainError(.badData, "worker \(failing)"))
            #expect(notes.take() == (0..<count).filter { $0 != failing })
            try pool.run { notes.add($0) }
            #expect(notes.take() == Array(0..<count))
        }
    }

    @Test func allWorkersMayFail() throws {
        try withPool(3) { pool in
            #expect(throws: DTrainError(.internal, "worker 0")) {
                try pool.run { throw DTrainError(.internal, "worker \($0)") }
            }
        }
    }

    @Test func stoppedPoolIsFreed() throws {
        weak var left: WorkerPool?
        do {
            let pool = try WorkerPool(count: 3)
            left = pool
            try pool.run { _ in }
            pool.stop()
        }
        #expect(left == nil)
    }
}
