import Glibc
import Synchronization
import Testing

@testable import DTrainCore

@Suite(.timeLimit(.minutes(5))) struct WorkerPoolTests {
    /// Numbers recorded by workers.
    private final class Recorder: Sendable {
        private let values = Mutex<[Int]>([])
        func add(_ value: Int) { values.withLock { $0.append(value) } }
        /// The numbers recorded since the last call, sorted.
        func take() -> [Int] {
            values.withLock { values in
                defer { values = [] }
                return values.sorted()
            }
        }
    }

    private func withPool(_ count: Int, _ body: (WorkerPool) throws -> Void) throws {
        try body(try WorkerPool(count: count))
    }

    @Test(arguments: [1, 2, 3, 8])
    func everyWorkerRunsOncePerRun(count: Int) throws {
        let recorder = Recorder()
        try withPool(count) { pool in
            #expect(pool.count == count)
            for _ in 0..<50 {
                try pool.run { recorder.add($0) }
                #expect(recorder.take() == Array(0..<count))
            }
        }
    }

    @Test(arguments: [1, 2, 3, 8])
    func callingThreadRunsItsOwnWorkAsWorker0(count: Int) throws {
        let recorder = Recorder()
        var own: [Int] = []
        try withPool(count) { pool in
            try pool.run {
                recorder.add($0)
            } onCallingThread: {
                own.append(WorkerPoolTests.thread())
            }
        }
        #expect(recorder.take() == Array(1..<count))
        #expect(own == [Self.thread()])
    }

    @Test func errorsOfTheCallingThreadAreThrownAfterTheOthersEnd() throws {
        let recorder = Recorder()
        try withPool(3) { pool in
            #expect(throws: DTrainError(.internal, "own")) {
                try pool.run {
                    recorder.add($0)
                } onCallingThread: {
                    throw DTrainError(.internal, "own")
                }
            }
            #expect(recorder.take() == [1, 2])
        }
    }

    @Test(arguments: [0, -3])
    func poolHasAtLeastTheCallingThread(count: Int) throws {
        let recorder = Recorder()
        try withPool(count) { pool in
            #expect(pool.count == 1)
            try pool.run { recorder.add($0) }
        }
        #expect(recorder.take() == [0])
    }

    @Test(arguments: [1, 2, 5], [0, 1, 4, 1000])
    func everyTaskIsHandedOutExactlyOnce(count: Int, tasks: Int) throws {
        let recorder = Recorder()
        try withPool(count) { pool in
            for _ in 0..<3 {
                try pool.run { _ in
                    while let task = pool.nextTask(below: tasks) { recorder.add(task) }
                }
                #expect(recorder.take() == Array(0..<tasks))
            }
        }
    }

    @Test(arguments: [(1, 0), (2, 0), (2, 1), (4, 3)])
    func aWorkersErrorIsThrownAndThePoolStaysUsable(count: Int, failing: Int) throws {
        let recorder = Recorder()
        try withPool(count) { pool in
            let error = #expect(throws: DTrainError.self) {
                try pool.run { worker in
                    if worker == failing { throw DTrainError(.badData, "worker \(worker)") }
                    recorder.add(worker)
                }
            }
            #expect(error == DTrainError(.badData, "worker \(failing)"))
            #expect(recorder.take() == (0..<count).filter { $0 != failing })
            try pool.run { recorder.add($0) }
            #expect(recorder.take() == Array(0..<count))
        }
    }

    @Test func theErrorOfWorker0IsThrownIfAllFail() throws {
        try withPool(3) { pool in
            #expect(throws: DTrainError(.internal, "worker 0")) {
                try pool.run { throw DTrainError(.internal, "worker \($0)") }
            }
        }
    }

    @Test func threadsEndWithThePool() throws {
        let threads = Recorder()
        try withPool(3) { pool in try pool.run { _ in threads.add(WorkerPoolTests.thread()) } }
        expectEnd(of: threads.take(), count: 3)
    }

    /// An owner of a pool whose initializer fails after creating it.
    private final class Owner {
        private let pool: WorkerPool
        private let memory: AlignedBuffer<Float>

        init(_ threads: Recorder) throws {
            pool = try WorkerPool(count: 3)
            try pool.run { _ in threads.add(WorkerPoolTests.thread()) }
            memory = try AlignedBuffer(count: 1 << 60)
        }
    }

    @Test func aThrowingInitializerLeavesNoThreads() throws {
        let threads = Recorder()
        #expect(throws: DTrainError.self) { try Owner(threads) }
        expectEnd(of: threads.take(), count: 3)
    }

    /// Expects that all given threads end, except the test's own.
    private func expectEnd(of threads: [Int], count: Int) {
        #expect(Set(threads).count == count)
        for thread in threads where thread != Self.thread() {
            // The kernel removes the entry shortly after the thread is joined.
            var attempts = 0
            while access("/proc/self/task/\(thread)", F_OK) == 0, attempts < 100_000 {
                sched_yield()
                attempts += 1
            }
            #expect(access("/proc/self/task/\(thread)", F_OK) != 0)
        }
    }

    /// The kernel's id of the calling thread; 0 if /proc doesn't show it.
    private static func thread() -> Int {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
            buffer.initialize(repeating: 0)
            guard let text = buffer.baseAddress, readlink("/proc/thread-self", text, 63) > 0 else { return 0 }
            return String(cString: text).split(separator: "/").last.flatMap { Int($0) } ?? 0
        }
    }
}
