import Glibc
import Testing

/// A temporary file with given bytes, deleted with this object.
final class TemporaryText {
    let path: String

    init(_ bytes: some Collection<UInt8>) throws {
        var template = Array("/tmp/dtrain-text-XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        path = template.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
        let content = Array(bytes)
        try #require(write(descriptor, content, content.count) == content.count)
    }

    convenience init(_ text: String) throws { try self.init(text.utf8) }

    deinit { unlink(path) }
}
