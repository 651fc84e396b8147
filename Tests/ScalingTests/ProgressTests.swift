import DTrainCore
import DistributedTesting
import Foundation
import Testing

@testable import Scaling

/// The progress file of an unfinished experiment.
@Suite struct ProgressTests {
    @Test func progressSurvivesARoundTrip() throws {
        let folder = try ScratchFolder()
        let experiment = try #require(Synthetic().experiment())
        var progress = Progress(settings: ["ranks": "1,2"])
        progress.hosts = experiment.setting.hosts
        progress.places = experiment.measurements.map { Progress.Place(plan: $0.plan, layout: $0.layout) }
        progress.runs = experiment.measurements.flatMap { measurement in
            measurement.runs.map { Progress.Run(plan: measurement.plan, record: $0, gradientBytes: 12, seconds: 1.5) }
        }
        try progress.write(to: folder.path)
        #expect(try Progress(path: folder.file(Progress.name)) == progress)
        let first = experiment.measurements[0]
        #expect(progress.layout(first.plan) == first.layout)
        let repetition = first.runs[0].repetition
        #expect(progress.holds(first.plan, repetition: repetition))
        #expect(!progress.holds(first.plan, repetition: 1000))
    }

    @Test func differencesFromAnotherExperimentAreListed() {
        let progress = Progress(settings: ["ranks": "1,2", "steps": "3", "old": "x"])
        #expect(progress.differences(from: ["ranks": "1,2", "steps": "3", "old": "x"]).isEmpty)
        #expect(
            progress.differences(from: ["ranks": "1,4", "steps": "3", "new": "y"])
                == ["new: '', not 'y'", "old: 'x', not ''", "ranks: '1,2', not '1,4'"])
    }

    @Test func anInvalidFileIsNamedInTheError() throws {
        let folder = try ScratchFolder()
        let path = folder.file(Progress.name)
        try Data("{}".utf8).write(to: URL(fileURLWithPath: path))
        let error = #expect(throws: DTrainError.self) { try Progress(path: path) }
        #expect(error.map { "\($0)".contains(path) } == true)
    }
}
