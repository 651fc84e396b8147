import DistributedTesting
import Testing

@testable import DTrainCore

/// An optimizer's slots in checkpoints.
@Suite struct OptimizerStateFileTests {
    /// An optimizer without slots.
    private struct Descent: Optimizer, ParameterUpdate {
        var rate: Float = 0
        var stateName: String { "descent" }
        var slots: [OptimizerSlot] { [] }

        func update(step: Int, learningRate: Double, gradientScale: Float) -> any ParameterUpdate {
            Descent(rate: Float(learningRate) * gradientScale)
        }

        func apply(to run: ParameterRun) {
            for index in 0..<run.count { run.parameters[index] -= rate * run.gradient[index] }
        }
    }

    private let folder: ScratchFolder
    private let path: String
    private let model = SampleModel(layers: 2)

    init() throws {
        folder = try ScratchFolder()
        path = folder.file("ckpt_2_5.safetensors")
    }

    /// A state with distinct slot values.
    private func state(_ optimizer: any Optimizer) throws -> OptimizerState {
        let state = try OptimizerState(optimizer, count: model.layout.count)
        for (index, slot) in state.slots.enumerated() {
            _ = slot.elements.update(from: testNumbers(state.count, salt: UInt32(index + 1)))
        }
        return state
    }

    private func write(_ state: OptimizerState) throws {
        try Checkpoint.write(
            to: path, metadata: model.metadata, layout: model.layout, parameters: model.parameters, optimizer: state)
    }

    @Test func slotsFollowTheParametersInTheFile() throws {
        try write(state(Adam()))
        let names = model.layout.tensors.map(\.name)
        let expected = ["", "adam.m.", "adam.v."].flatMap { prefix in names.map { prefix + $0 } }
        #expect(try Safetensors(path: path).names == expected)
    }

    @Test func slotsOfEveryOptimizerAreRestored() throws {
        for optimizer in OptimizerTests.all + [Descent()] {
            let saved = try state(optimizer)
            try write(saved)
            let checkpoint = try Checkpoint(path: path)
            #expect(checkpoint.optimizerSlots == optimizer.slotNames)
            let loaded = try OptimizerState(optimizer, count: model.layout.count)
            try checkpoint.load(optimizer: loaded)
            #expect(loaded.slots.map { bits($0.elements) } == saved.slots.map { bits($0.elements) }, "\(optimizer)")
            #expect(loaded.steps == 349)
        }
    }

    @Test func sgdVelocitiesHaveTheDocumentedNames() throws {
        try write(state(SGD(momentum: 0.9)))
        let file = try Safetensors(path: path)
        #expect(file.names.contains("sgd.m.gru_1.recurrent_kernel"))
        #expect(!file.names.contains { $0.hasPrefix("adam.") })
        #expect(try InitialWeights(path: path).configuration == model.layout.configuration)
    }

    @Test func anotherOptimizersStateIsRejected() throws {
        try write(state(SGD()))
        var error = try requireError(.badData) { try Checkpoint(path: path).load(optimizer: state(Adam())) }
        #expect(error.message.contains("'\(path)' holds 'sgd.m' where the optimizer needs 'adam.m', 'adam.v'"))
        try write(state(Descent()))
        error = try requireError(.badData) { try Checkpoint(path: path).load(optimizer: state(SGD())) }
        #expect(error.message.contains("'\(path)' holds no optimizer state where the optimizer needs 'sgd.m'"))
        try write(state(Adam()))
        error = try requireError(.badData) { try Checkpoint(path: path).load(optimizer: state(Descent())) }
        #expect(error.message.contains("holds 'adam.m', 'adam.v' where the optimizer needs no optimizer state"))
    }

    @Test func loadingAnotherOptimizersStateChangesNothing() throws {
        try write(state(SGD()))
        let adam = try state(Adam())
        let before = adam.slots.map { bits($0.elements) }
        _ = try requireError(.badData) { try Checkpoint(path: path).load(optimizer: adam) }
        #expect(adam.slots.map { bits($0.elements) } == before && adam.steps == 0)
    }

    @Test(arguments: [-1, 1]) func aStateOfAnotherSizeIsRejected(difference: Int) throws {
        try write(state(Adam()))
        let count = model.layout.count + difference
        let error = try requireError(.badData) {
            try Checkpoint(path: path).load(optimizer: OptimizerState(Adam(), count: count))
        }
        #expect(error.message.contains("holds \(model.layout.count) parameters, not \(count)"))
        _ = try requireError(.internal) { try write(OptimizerState(Adam(), count: count)) }
    }

    /// Slots aren't weights, so loading initial weights ignores them.
    @Test(arguments: ["adam.v.gru.bias", "adam.m.dense.bias", "sgd.m.gru.bias", "m.dense.bias", "a.b.c.dense.bias"])
    func incompleteAndUnknownSlotsOfAForeignFileAreNamed(name: String) throws {
        let values = testNumbers(1000)
        try values.withUnsafeBufferPointer { buffer in
            let start = try #require(buffer.baseAddress)
            var tensors = ["", "adam.m.", "adam.v."].flatMap { prefix in
                model.layout.tensors.map {
                    SafetensorsWriter.Tensor(name: prefix + $0.name, shape: $0.shape, pointer: start)
                }
            }
            if tensors.contains(where: { $0.name == name }) {
                tensors.removeAll { $0.name == name }
            } else {
                tensors.append(.init(name: name, shape: [5], pointer: start))
            }
            try writeSafetensors(tensors, metadata: [:], to: path)
        }
        let remark = try #require(try InitialWeights(path: path).remarks.last)
        let slot = ["adam.v.gru.bias": "adam.v.", "adam.m.dense.bias": "adam.m."][name] ?? name
        #expect(remark.contains("which are ignored: '\(slot)"), "\(remark)")
    }
}
