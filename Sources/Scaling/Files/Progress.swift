import DTrainCore
import FoundationEssentials

/// The measurements of an unfinished experiment.
public struct Progress: Hashable, Sendable, Codable {
    /// The placement of a configuration's ranks.
    public struct Place: Hashable, Sendable, Codable {
        /// The configuration.
        public let plan: RunPlan
        /// The placement of its ranks.
        public let layout: Layout

        /// Creates the placement of one configuration.
        public init(plan: RunPlan, layout: Layout) { (self.plan, self.layout) = (plan, layout) }
    }

    /// A completed run.
    public struct Run: Hashable, Sendable, Codable {
        /// The configuration.
        public let plan: RunPlan
        /// The measured steps and memory.
        public let record: RunRecord
        /// Bytes of the gradient that its ranks reduced.
        public let gradientBytes: Int
        /// Wall seconds, including start-up.
        public let seconds: Double

        /// Creates a completed run.
        public init(plan: RunPlan, record: RunRecord, gradientBytes: Int, seconds: Double) {
            (self.plan, self.record, self.gradientBytes) = (plan, record, gradientBytes)
            self.seconds = seconds
        }
    }

    /// The file's name in the experiment's folder; the file is deleted when the experiment is
    /// finished.
    public static let name = "unfinished.json"

    /// The settings shared by all runs of the experiment, by name.
    public let settings: [String: String]
    /// The hosts, without duplicates.
    public var hosts: [RankHost] = []
    /// The known placements.
    public var places: [Place] = []
    /// The completed runs in order.
    public var runs: [Run] = []

    /// Creates the progress of an experiment without measurements.
    public init(settings: [String: String]) { self.settings = settings }

    /// Reads the progress file of an interrupted experiment.
    ///
    /// - Throws: `DTrainError` with `noInput` when the file doesn't exist, with `badData` when it
    ///   isn't a progress file.
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

    /// Writes the progress file into the experiment's folder.
    ///
    /// - Throws: `DTrainError` with `inputOutput` when writing fails.
    public func write(to folder: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let data: Data
        do {
            data = try encoder.encode(self)
        } catch {
            throw DTrainError(
                .internal, "the experiment has a number that JSON can't represent: \(error); please report this")
        }
        try AtomicFile.write(to: "\(folder)/\(Self.name)") { writer in try data.withUnsafeBytes { try writer.write($0) }
        }
    }

    /// The settings that differ from `others`, as `name: one, not other`.
    public func differences(from others: [String: String]) -> [String] {
        Set(settings.keys).union(others.keys).sorted().filter { settings[$0] != others[$0] }
            .map { "\($0): '\(settings[$0] ?? "")', not '\(others[$0] ?? "")'" }
    }

    /// The placement of a configuration's ranks; nil if unknown.
    public func layout(_ plan: RunPlan) -> Layout? { places.first { $0.plan == plan }?.layout }

    /// Whether a configuration's run of a repeat is complete.
    public func holds(_ plan: RunPlan, repetition: Int) -> Bool {
        runs.contains { $0.plan == plan && $0.record.repetition == repetition }
    }
}
