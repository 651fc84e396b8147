import DTrainCore
import FoundationEssentials

/// An experiment that isn't finished: what has been measured so far.
public struct Progress: Hashable, Sendable, Codable {
    /// Where the ranks of a configuration run.
    public struct Place: Hashable, Sendable, Codable {
        /// The configuration.
        public let plan: RunPlan
        /// Its ranks.
        public let layout: Layout

        /// The place of one configuration.
        public init(plan: RunPlan, layout: Layout) { (self.plan, self.layout) = (plan, layout) }
    }

    /// A run that has ended well.
    public struct Run: Hashable, Sendable, Codable {
        /// The configuration.
        public let plan: RunPlan
        /// What was measured.
        public let record: RunRecord
        /// The bytes of the gradient that its ranks added up.
        public let gradientBytes: Int
        /// Seconds from its start to its end.
        public let seconds: Double

        /// One run.
        public init(plan: RunPlan, record: RunRecord, gradientBytes: Int, seconds: Double) {
            (self.plan, self.record, self.gradientBytes) = (plan, record, gradientBytes)
            self.seconds = seconds
        }
    }

    /// The file's name in the experiment's folder; it is gone when the experiment is finished.
    public static let name = "unfinished.json"

    /// The settings that all runs of one experiment share, by name.
    public let settings: [String: String]
    /// Each host, once.
    public var hosts: [RankHost] = []
    /// The configurations whose place is known.
    public var places: [Place] = []
    /// The runs in the order in which they were made.
    public var runs: [Run] = []

    /// An experiment that hasn't begun.
    public init(settings: [String: String]) { self.settings = settings }

    /// Reads what an earlier start has left.
    ///
    /// - Throws: `DTrainError` with `noInput` when there is no such file, with `badData` when it is none.
    public init(path: String) throws {
        let file = try MappedFile(path: path, kind: "unfinished experiment")
        let decoder = JSONDecoder()
        let data = withExtendedLifetime(file) { Data(file.bytes) }
        guard let read = try? decoder.decode(Self.self, from: data) else {
            throw DTrainError(
                .badData, "'\(path)' is not an unfinished experiment of this dtrain version",
                hint: "start over with `overwrite`")
        }
        self = read
    }

    /// Writes it into the experiment's folder.
    ///
    /// - Throws: `DTrainError` with `inputOutput` when that fails.
    public func write(to folder: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let data: Data
        do {
            data = try encoder.encode(self)
        } catch {
            throw DTrainError(.internal, "the experiment has a number that JSON can't represent: \(error); report this")
        }
        try AtomicFile.write(to: "\(folder)/\(Self.name)") { writer in try data.withUnsafeBytes { try writer.write($0) }
        }
    }

    /// The settings that differ from others, as `name: one, not other`.
    public func differences(from others: [String: String]) -> [String] {
        Set(settings.keys).union(others.keys).sorted().filter { settings[$0] != others[$0] }
            .map { "\($0): '\(settings[$0] ?? "")', not '\(others[$0] ?? "")'" }
    }

    /// Where the ranks of a configuration run, if known.
    public func layout(_ plan: RunPlan) -> Layout? { places.first { $0.plan == plan }?.layout }

    /// Whether a configuration has been run in a repeat.
    public func holds(_ plan: RunPlan, repetition: Int) -> Bool {
        runs.contains { $0.plan == plan && $0.record.repetition == repetition }
    }
}
