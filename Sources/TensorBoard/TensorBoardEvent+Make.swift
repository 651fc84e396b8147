import FoundationEssentials
import Glibc
import SwiftProtobuf

extension TensorBoardEvent {
    /// The first event of every file.
    static var fileVersion: TensorBoardEvent {
        event(step: 0) { $0.fileVersion = "brain.Event:2" }
    }

    /// The start of a program that continues before a step: readers drop earlier points of that
    /// step and later ones.
    static func start(step: Int) -> TensorBoardEvent {
        event(step: step) { $0.sessionLog.status = .start }
    }

    /// Numbers by their tags.
    static func scalars(_ scalars: [(tag: String, value: Double)], step: Int) -> TensorBoardEvent {
        event(step: step) { event in
            // Every reader takes the plain form; TensorBoard turns it into its newer one.
            event.summary.value = scalars.map { scalar in
                .with { ($0.tag, $0.simpleValue) = (scalar.tag, Float(scalar.value)) }
            }
        }
    }

    /// A text in Markdown.
    static func text(_ text: String, tag: String, step: Int) -> TensorBoardEvent {
        let tensor = TensorBoardTensorProto.with {
            ($0.dtype, $0.tensorShape) = (.dtString, TensorBoardTensorShapeProto())
            $0.stringVal = [Data(text.utf8)]
        }
        return event(step: step) { $0.summary.value = [value(tag, plugin: "text", content: Data(), tensor)] }
    }

    /// The settings of a run, for the table that compares runs.
    static func hyperparameters(_ settings: [String: TensorBoardSettingValue], step: Int) throws -> TensorBoardEvent {
        var event = Self.event(step: step) { _ in }
        let data = TensorBoardHParamsPluginData.with {
            $0.sessionStartInfo.hparams = settings
            $0.sessionStartInfo.startTimeSecs = event.wallTime
        }
        // The plugin reads only its metadata but requires a tensor, so the tensor is empty.
        let tensor = TensorBoardTensorProto.with { ($0.dtype, $0.tensorShape.dim) = (.dtFloat, [.init()]) }
        let content: Data = try data.serializedBytes()
        let tag = "_hparams_/session_start_info"
        event.summary.value = [value(tag, plugin: "hparams", content: content, tensor)]
        return event
    }

    private static func value(
        _ tag: String, plugin: String, content: Data, _ tensor: TensorBoardTensorProto
    ) -> TensorBoardSummary.Value {
        .with {
            ($0.tag, $0.tensor) = (tag, tensor)
            ($0.metadata.pluginData.pluginName, $0.metadata.pluginData.content) = (plugin, content)
            $0.metadata.dataClass = .tensor
        }
    }

    private static func event(step: Int, _ fill: (inout TensorBoardEvent) -> Void) -> TensorBoardEvent {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return .with {
            ($0.wallTime, $0.step) = (Double(now.tv_sec) + 1e-9 * Double(now.tv_nsec), Int64(step))
            fill(&$0)
        }
    }
}
