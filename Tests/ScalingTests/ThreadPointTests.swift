import Testing

@testable import Scaling

/// The base's thread curve.
@Suite struct ThreadPointTests {
    @Test func theCurveHasTheMeasuredThreadsAndPowersOfTwoBeyond() throws {
        let experiment = try #require(Synthetic().experiment())
        let curve = experiment.threadCurve
        #expect(curve.map(\.threads) == [1, 2, 4, 8, 16, 32])
        #expect(curve.filter { $0.seconds != nil }.map(\.threads) == [1, 2, 4])
        #expect(
            curve.map { $0.extrapolates.contains("more busy cores than measured") } == [
                false, false, false, true, true, true,
            ])
        #expect(curve.first?.speedup == 1)
    }

    /// Compares eight threads on eight cores with the formulas behind the measurements.
    ///
    /// The tolerance is below 0.5 % of the sequences' time.
    @Test func moreThreadsThanMeasuredArePredicted() throws {
        let machine = Synthetic()
        let experiment = try #require(machine.experiment())
        let eight = try #require(experiment.threadCurve.first { $0.threads == 8 })
        var larger = machine
        larger.cores = 8
        let truth = larger.parts(Layout(ranks: 1, threads: 8, coresPerMachine: 8), experiment.base.workload)
        #expect(abs(eight.predictedSeconds / truth.total - 1) < 1e-6)
        let one = try #require(experiment.threadCurve.first?.seconds).median
        #expect(abs(try #require(eight.speedup) - one / truth.total) < 1e-6)
        #expect(eight.error == nil && eight.unseenSeconds == nil)
    }

    /// Two and four threads are predicted from each other and one thread.
    ///
    /// One thread can't be predicted.
    @Test func measuredThreadsArePredictedFromTheOthers() throws {
        let curve = try #require(Synthetic().experiment()).threadCurve.filter { $0.seconds != nil }
        #expect(curve.map { $0.error == nil } == [true, false, false])
        for point in curve.dropFirst() { #expect(abs(try #require(point.error)) < 1e-6, "\(point)") }
    }

    /// If four threads take 25 % longer, the prediction without them is 20 % too low.
    @Test func aPointIsLeftOutOfItsOwnPrediction() throws {
        let measurements = Synthetic().measurements().map { measurement -> Measurement in
            guard measurement.plan.isIn(.base), measurement.layout.threads == 4 else { return measurement }
            return Measurement(
                plan: measurement.plan, layout: measurement.layout, workload: measurement.workload,
                runs: measurement.runs.map { run in
                    RunRecord(
                        repetition: run.repetition, command: "",
                        steps: run.steps.map { StepSample(step: 1, seconds: $0.seconds * 1.25, parts: $0.parts) },
                        peakMemory: run.peakMemory)
                }) ?? measurement
        }
        let model = try #require(CostModel(fittedTo: measurements))
        let four = try #require(ThreadPoint.curve(measurements, model).first { $0.threads == 4 })
        #expect(abs(try #require(four.error) - (1 / 1.25 - 1)) < 1e-6)
    }

    /// A single number of threads can't determine the divided part.
    @Test func twoThreadCountsAreTooFewForACheck() throws {
        var machine = Synthetic()
        machine.cores = 2
        let curve = try #require(machine.experiment()).threadCurve
        #expect(curve.map(\.threads) == [1, 2, 4, 8, 16])
        #expect(curve.allSatisfy { $0.unseenSeconds == nil })
    }

    /// Four hardware threads on two cores are a separate point from four threads on four cores.
    @Test func hardwareThreadsAreNotCountedAsCores() throws {
        var machine = Synthetic()
        machine.cores = 2
        let plan = RunPlan(series: [.base], ranks: 1, isLaunched: false, threads: 4, batchSize: 64)
        let measurements = machine.measurements() + [try #require(machine.measurement(plan))]
        let model = try #require(CostModel(fittedTo: measurements))
        let four = ThreadPoint.curve(measurements, model).filter { $0.threads == 4 }
        #expect(four.map(\.cores) == [2, 4])
        #expect(four.map(\.hasCoreForEach) == [false, true])
        #expect(four.map { $0.seconds != nil } == [true, false])
    }

    /// Amdahl with a serial fraction of a fifth on four threads: T(4)/T(1) = 0.2 + 0.8/4 = 0.4.
    @Test(arguments: [(0.4, 0.2), (0.25, 0.0), (1.0, 1.0), (1.75, 2.0)])
    func serialFractionsFollowKarpAndFlatt(several: Double, fraction: Double) throws {
        let found = try #require(StepParts.serialFraction(one: 1, several: several, threads: 4))
        #expect(abs(found - fraction) < 1e-12)
    }

    @Test func thereIsNoSerialFractionOnOneThreadOrWithoutTime() {
        #expect(StepParts.serialFraction(one: 1, several: 1, threads: 1) == nil)
        #expect(StepParts.serialFraction(one: 0, several: 1, threads: 2) == nil)
    }

    @Test func theReportHasTheThreadCurveAndItsParts() throws {
        let html = Report.html(try #require(Synthetic().experiment()))
        for part in [
            "Time of a step, by threads", "Speed-up over one thread", "serial fraction, %",
            "<th scope=\"col\" class=\"text\">part</th>",
        ] {
            #expect(html.contains(part), "\(part)")
        }
        // (5 + 1 · 2)/2 ms on two threads, (5 + 3 · 2)/4 ms on four: (2.75/5 − 1/4)/(3/4) = 40 %.
        #expect(
            html.contains("<td class=\"text\">adam</td><td>5.00</td><td>3.50</td><td>2.75</td><td>40.0</td>"))
    }
}
