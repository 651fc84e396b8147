import DTrainCore
import Pages

/// The table of a model's layers in the format of Keras's `summary()`.
struct ModelTable {
    private let layout: ParameterLayout
    /// Sequences per batch and characters per sequence; nil if not fixed.
    private let batch: (size: Int, length: Int)?

    init(_ layout: ParameterLayout, batch: (size: Int, length: Int)? = nil) {
        self.layout = layout
        self.batch = batch
    }

    /// The shape of the model's output: (batch, time, vocabulary).
    var outputShape: String { shape(layout.configuration.vocabularySize) }

    /// The table as text.
    var text: String {
        let rule = String(repeating: "_", count: 65)
        let double = String(repeating: "=", count: 65)
        let megabytes = (Double(layout.count) * 4 / 1_048_576).fixed(2)
        return
            ([rule, row("Layer (type)", "Output Shape", "Param #"), double]
            + layers.map { row($0.name, $0.shape, $0.count.grouped) }
            + [double, "Total params: \(layout.count.grouped) (\(megabytes) MB)", rule]).joined(separator: "\n")
    }

    private var layers: [(name: String, shape: String, count: Int)] {
        let configuration = layout.configuration
        func count(_ prefix: String) -> Int {
            layout.tensors.filter { $0.name.hasPrefix("\(prefix).") }.reduce(0) { $0 + $1.count }
        }
        return [("embedding (Embedding)", shape(configuration.embeddingDim), count("embedding"))]
            + layout.recurrent.map {
                ("\($0.name) (\(configuration.cell.layerClass))", shape(configuration.rnnUnits), count($0.name))
            }
            + [("dense (Dense)", shape(configuration.vocabularySize), count("dense"))]
    }

    private func shape(_ width: Int) -> String {
        "(\(batch.map { "\($0.size), \($0.length)" } ?? "None, None"), \(width))"
    }

    private func row(_ name: String, _ shape: String, _ count: String) -> String {
        func padded(_ text: String, _ width: Int) -> String {
            text + String(repeating: " ", count: max(1, width - text.count))
        }
        return " " + padded(name, 28) + padded(shape, 24) + count
    }
}
