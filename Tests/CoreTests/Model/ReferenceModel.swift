import Glibc

@testable import DTrainCore

/// A naive reference model in Double, directly from Keras's formulas.
///
/// Embedding → GRU (reset_after), LSTM or SimpleRNN layers → Dense → softmax cross-entropy, one
/// character of one sequence at a time.
struct ReferenceModel {
    /// The states h, and c for LSTM, of every layer.
    struct State {
        var hidden: [[Double]]
        var cell: [[Double]]
    }

    /// The dropout factors of one sequence's units, by layer.
    struct Factors {
        /// Factors of the layer's output at each time step.
        var outputs: [[[Double]]]
        /// Factors of the recurrent product's operand.
        var recurrent: [[Double]]
    }

    let layout: ParameterLayout
    var parameters: [Double]

    init(_ layout: ParameterLayout, _ parameters: [Float]) {
        self.layout = layout
        self.parameters = parameters.map(Double.init)
    }

    var zeroState: State {
        let zeros = [Double](repeating: 0, count: layout.configuration.rnnUnits)
        let all = [[Double]](repeating: zeros, count: layout.configuration.layers)
        return State(hidden: all, cell: all)
    }

    /// Feeds one character; returns the logits.
    func advance(_ id: UInt16, _ state: inout State, _ factors: Factors? = nil, time: Int = 0) -> [Double] {
        let configuration = layout.configuration
        let first = layout.embeddings + Int(id) * configuration.embeddingDim
        var x = Array(parameters[first..<first + configuration.embeddingDim])
        for layer in 0..<configuration.layers {
            let operand = Self.product(state.hidden[layer], factors?.recurrent[layer])
            switch configuration.cell {
            case .gru: gru(layer, x, operand, &state)
            case .lstm: lstm(layer, x, operand, &state)
            default: simpleRNN(layer, x, operand, &state)
            }
            x = Self.product(state.hidden[layer], factors?.outputs[layer][time])
        }
        return affine(x, layout.denseKernel, bias: layout.denseBias, columns: configuration.vocabularySize)
    }

    private static func product(_ values: [Double], _ factors: [Double]?) -> [Double] {
        factors.map { zip(values, $0).map(*) } ?? values
    }

    /// The cross-entropy of every character but the first, from zero states by default.
    ///
    /// - Parameter inputs: the input ids, if they differ from the characters.
    func losses(
        _ ids: [UInt16], from start: State? = nil, _ factors: Factors? = nil, inputs: [UInt16]? = nil
    ) -> [Double] {
        var state = start ?? zeroState
        return ids.dropFirst().enumerated().map { time, target in
            let logits = advance((inputs ?? ids)[time], &state, factors, time: time)
            return logSumExp(logits) - logits[Int(target)]
        }
    }

    /// The mean loss over all tokens of all sequences.
    func meanLoss(_ sequences: [[UInt16]]) -> Double {
        let all = sequences.flatMap { losses($0) }
        return all.reduce(0, +) / Double(all.count)
    }

    private func gru(_ layer: Int, _ x: [Double], _ operand: [Double], _ state: inout State) {
        let (place, units) = (layout.recurrent[layer], layout.configuration.rnnUnits)
        let h = state.hidden[layer]
        let input = affine(x, place.kernel, bias: place.bias, columns: 3 * units)
        let recurrent = affine(operand, place.recurrentKernel, bias: place.bias + 3 * units, columns: 3 * units)
        state.hidden[layer] = (0..<units).map { j in
            let z = logistic(input[j] + recurrent[j])
            let r = logistic(input[units + j] + recurrent[units + j])
            let candidate = tanh(input[2 * units + j] + r * recurrent[2 * units + j])
            return z * h[j] + (1 - z) * candidate
        }
    }

    private func lstm(_ layer: Int, _ x: [Double], _ operand: [Double], _ state: inout State) {
        let (place, units) = (layout.recurrent[layer], layout.configuration.rnnUnits)
        let input = affine(x, place.kernel, bias: place.bias, columns: 4 * units)
        let recurrent = affine(operand, place.recurrentKernel, bias: nil, columns: 4 * units)
        let sum = zip(input, recurrent).map { $0 + $1 }
        for j in 0..<units {
            let (i, f, o) = (logistic(sum[j]), logistic(sum[units + j]), logistic(sum[3 * units + j]))
            let cell = f * state.cell[layer][j] + i * tanh(sum[2 * units + j])
            state.cell[layer][j] = cell
            state.hidden[layer][j] = o * tanh(cell)
        }
    }

    private func simpleRNN(_ layer: Int, _ x: [Double], _ operand: [Double], _ state: inout State) {
        let (place, units) = (layout.recurrent[layer], layout.configuration.rnnUnits)
        let input = affine(x, place.kernel, bias: place.bias, columns: units)
        let recurrent = affine(operand, place.recurrentKernel, bias: nil, columns: units)
        state.hidden[layer] = zip(input, recurrent).map { tanh($0 + $1) }
    }

    /// x · W + b, with W [x.count, columns] and b at the given parameter offsets.
    private func affine(_ x: [Double], _ kernel: Int, bias: Int?, columns: Int) -> [Double] {
        var sums = bias.map { Array(parameters[$0..<$0 + columns]) } ?? [Double](repeating: 0, count: columns)
        parameters.withUnsafeBufferPointer { parameters in
            sums.withUnsafeMutableBufferPointer { sums in
                for (i, value) in x.enumerated() {
                    let row = kernel + i * columns
                    for j in 0..<columns { sums[j] += value * parameters[row + j] }
                }
            }
        }
        return sums
    }
}
