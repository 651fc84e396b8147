import CKernels
import Testing

@testable import DTrainCore

@Suite struct InitialValuesTests {
    private func layout(_ cell: Cell, layers: Int = 2, units: Int = 64) -> ParameterLayout {
        ParameterLayout(
            ModelConfiguration(cell: cell, layers: layers, embeddingDim: 48, rnnUnits: units, vocabularySize: 66))
    }

    private func values(
        _ layout: ParameterLayout, seed: UInt64 = 42, threads: Int = 2, heartbeat: Heartbeat? = nil
    ) throws -> [Float] {
        let parameters = try AlignedBuffer<Float>(count: layout.count)
        parameters.elements.update(repeating: .nan)
        try InitialValues.fill(
            parameters, layout: layout, seed: seed, pool: WorkerPool(count: threads), heartbeat: heartbeat)
        return Array(parameters.elements)
    }

    private func part(_ values: [Float], _ layout: ParameterLayout, _ name: String) throws -> [Float] {
        let tensor = try #require(layout[name])
        return Array(values[tensor.offset..<tensor.offset + tensor.count])
    }

    /// Expects U(−l, l) within five standard errors: mean 0 ± l·√(1/3n), mean square
    /// l²/3 ± l²·√(4/45n).
    private func expectUniform(_ values: [Float], limit: Double, _ name: String) {
        let n = Double(values.count)
        let mean = values.reduce(0) { $0 + Double($1) } / n
        let square = values.reduce(0) { $0 + Double($1) * Double($1) } / n
        #expect(values.allSatisfy { abs(Double($0)) <= limit * (1 + 1e-6) }, "\(name)")
        #expect(abs(mean) < 5 * limit * (1 / (3 * n)).squareRoot(), "\(name)")
        #expect(abs(square - limit * limit / 3) < 5 * limit * limit * (4 / (45 * n)).squareRoot(), "\(name)")
    }

    @Test(arguments: Cell.allCases)
    func embeddingsAndKernelsAreUniformWithKerasLimits(cell: Cell) throws {
        let layout = layout(cell)
        let values = try values(layout)
        let name = cell.layerName
        expectUniform(try part(values, layout, "embedding.embeddings"), limit: 0.05, "embedding")
        for kernel in ["\(name).kernel", "\(name)_1.kernel", "dense.kernel"] {
            let shape = try #require(layout[kernel]?.shape)
            let limit = (6 / Double(shape[0] + shape[1])).squareRoot()
            expectUniform(try part(values, layout, kernel), limit: limit, kernel)
        }
    }

    @Test(arguments: Cell.allCases, [1, 7, 64, 256])
    func recurrentKernelsHaveOrthonormalRows(cell: Cell, units: Int) throws {
        let layout = layout(cell, units: units)
        let values = try values(layout)
        let columns = cell.gates * units
        for place in layout.recurrent {
            let matrix = Array(values[place.recurrentKernel..<place.recurrentKernel + units * columns])
            let worst = matrix.withUnsafeBufferPointer { matrix in
                guard let rows = matrix.baseAddress else { return Float.infinity }
                return (0..<units).flatMap { i in
                    (0...i).map { j in
                        abs(dtrain_dot(Int64(columns), rows + i * columns, rows + j * columns) - (i == j ? 1 : 0))
                    }
                }.max() ?? .infinity
            }
            #expect(worst < 5e-6)
        }
    }

    @Test func biasesAreZeroExceptTheForgetGates() throws {
        let rows = [Cell.gru: 6, .lstm: 4, .simpleRNN: 1]
        for cell in Cell.allCases {
            let layout = layout(cell, units: 7)
            let values = try values(layout)
            #expect(try part(values, layout, "dense.bias").allSatisfy { $0 == 0 })
            for place in layout.recurrent {
                let zeros = [Float](repeating: 0, count: 7)
                let ones = [Float](repeating: 1, count: 7)
                let count = try #require(rows[cell])
                let expected = (0..<count).flatMap { cell == .lstm && $0 == 1 ? ones : zeros }
                #expect(try part(values, layout, "\(place.name).bias") == expected)
            }
        }
    }

    @Test(arguments: Cell.allCases)
    func valuesDependOnlyOnTheSeed(cell: Cell) throws {
        let layout = layout(cell)
        let expected = try values(layout, seed: 1)
        #expect(differences(try values(layout, seed: 1), expected) == 0)
        let other = try values(layout, seed: 2)
        for tensor in layout.tensors where !tensor.name.hasSuffix("bias") {
            #expect(
                differences(try part(other, layout, tensor.name), try part(expected, layout, tensor.name)) > tensor
                    .count / 2,
                "\(tensor.name)")
        }
    }

    @Test func layersOfTheSameShapeDiffer() throws {
        let layout = layout(.gru, layers: 3)
        let values = try values(layout)
        #expect(try part(values, layout, "gru_1.kernel") != part(values, layout, "gru_2.kernel"))
        #expect(try part(values, layout, "gru.recurrent_kernel") != part(values, layout, "gru_1.recurrent_kernel"))
    }

    @Test(arguments: Cell.allCases, [1, 2])
    func anUntrainedModelHasTheLossOfUniformGuesses(cell: Cell, layers: Int) throws {
        let layout = layout(cell, layers: layers)
        let text = testText(1000, vocabularySize: 66)
        let evaluator = try Evaluator(
            layout: layout, parameters: buffer(values(layout)), sequenceLength: 50, threads: 1)
        let result = try evaluator.evaluate(characters: text.count) { first, count, ids in
            for index in 0..<count { ids[index] = text[first + index] }
        }
        // ln 66
        #expect(abs(result.loss / 4.189_654_742 - 1) < 0.01)
    }

    /// The model has several chunks of random numbers and several blocks of every product.
    @Test(arguments: Cell.allCases)
    func valuesAreTheSameForAnyNumberOfThreads(cell: Cell) throws {
        let layout = layout(cell, units: 150)
        let expected = bits(try values(layout, threads: 1))
        for threads in [2, 3, 5] { #expect(bits(try values(layout, threads: threads)) == expected) }
    }

    /// The orthogonal kernels of a large model take minutes; the cases are with and without
    /// Cholesky.
    @Test(arguments: [Cell.gru, .simpleRNN])
    func initializationReportsProgressPerRow(cell: Cell) throws {
        let heartbeat = Heartbeat()
        _ = try values(layout(cell, layers: 1, units: 40), heartbeat: heartbeat)
        #expect(heartbeat.beats >= 40)
    }
}
