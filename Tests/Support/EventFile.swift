import Foundation

/// An event file of TensorBoard, read without dtrain's own code.
///
/// It parses the frames, the check values and protobuf's wire format.
package struct EventFile {
    /// One event.
    package struct Event {
        /// Seconds since 1970.
        package var wallTime = 0.0
        /// Optimizer steps.
        package var step = 0
        /// The version, in the first event.
        package var fileVersion: String?
        /// Whether the event starts a session.
        package var isStart = false
        /// The numbers by tag.
        package var scalars: [String: Float] = [:]
        /// The texts by tag.
        package var texts: [String: String] = [:]
        /// The plugins by tag, with their content in the metadata.
        package var plugins: [String: (name: String, content: [UInt8])] = [:]
    }

    /// An invalid record or field at a byte offset.
    package struct Damage: Error { let place: Int }

    /// All events, in order.
    package let events: [Event]

    /// Reads a file, which must consist of whole records.
    package init(_ data: Data) throws {
        let bytes = Array(data)
        var events: [Event] = []
        var place = 0
        while place < bytes.count {
            guard bytes.count - place >= 12, Self.isMasked(bytes[place..<place + 8], bytes[(place + 8)...]) else {
                throw Damage(place: place)
            }
            let (start, length) = (place + 12, Int(Self.number(bytes[place..<place + 8])))
            guard bytes.count - start >= length + 4,
                Self.isMasked(bytes[start..<start + length], bytes[(start + length)...])
            else { throw Damage(place: start) }
            events.append(try Event(WireMessage(bytes[start..<start + length])))
            place = start + length + 4
        }
        self.events = events
    }

    /// Returns the points of a tag: step and value.
    package func points(_ tag: String) -> [(step: Int, value: Float)] {
        events.compactMap { event in event.scalars[tag].map { (event.step, $0) } }
    }

    /// Returns the texts of a tag: step and text.
    package func texts(_ tag: String) -> [(step: Int, text: String)] {
        events.compactMap { event in event.texts[tag].map { (event.step, $0) } }
    }

    /// Returns the CRC-32C check value, computed bit by bit as in RFC 3720.
    package static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
        var value = UInt32.max
        for byte in bytes {
            value ^= UInt32(byte)
            for _ in 0..<8 { value = value % 2 == 1 ? value / 2 ^ 0x82F6_3B78 : value / 2 }
        }
        return ~value
    }

    private static func isMasked(_ bytes: ArraySlice<UInt8>, _ check: ArraySlice<UInt8>) -> Bool {
        let unmasked = UInt32(number(check.prefix(4))) &- 0xA282_EAD8
        return checksum(bytes) == (unmasked << 15 | unmasked >> 17)
    }

    static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } }
}

extension EventFile.Event {
    /// Decodes an event by the field numbers of TensorBoard's schema.
    fileprivate init(_ message: WireMessage) throws {
        wallTime = Double(bitPattern: message.number(1))
        step = Int(message.number(2))
        fileVersion = message.text(3)
        isStart = try message.messages(7).first.map { $0.number(1) == 1 } ?? false
        for value in try message.messages(5).flatMap({ try $0.messages(1) }) {
            let tag = value.text(1) ?? ""
            if value.has(2) { scalars[tag] = Float(bitPattern: UInt32(value.number(2))) }
            if let text = try value.messages(8).first?.text(8) { texts[tag] = text }
            if let plugin = try value.messages(9).first?.messages(1).first {
                plugins[tag] = (plugin.text(1) ?? "", plugin.bytes(2).first ?? [])
            }
        }
    }
}

/// A protobuf message by its field numbers.
package struct WireMessage {
    private var numbers: [Int: UInt64] = [:]
    private var blocks: [Int: [[UInt8]]] = [:]

    /// Splits a message into its fields.
    package init(_ bytes: ArraySlice<UInt8>) throws {
        var rest = bytes
        while !rest.isEmpty {
            let key = try Self.varint(&rest)
            let field = Int(key >> 3)
            switch key & 7 {
            case 0: numbers[field] = try Self.varint(&rest)
            case 1: numbers[field] = EventFile.number(try Self.take(8, &rest))
            case 2: blocks[field, default: []].append(Array(try Self.take(Int(Self.varint(&rest)), &rest)))
            case 5: numbers[field] = EventFile.number(try Self.take(4, &rest))
            default: throw EventFile.Damage(place: rest.startIndex)
            }
        }
    }

    /// Returns whether the field holds a number.
    package func has(_ field: Int) -> Bool { numbers[field] != nil }

    /// Returns a number, or a floating-point number's bits; 0 if the field is missing.
    package func number(_ field: Int) -> UInt64 { numbers[field] ?? 0 }

    /// Returns all values of a field of bytes.
    package func bytes(_ field: Int) -> [[UInt8]] { blocks[field] ?? [] }

    /// Returns the first text of a field.
    package func text(_ field: Int) -> String? { bytes(field).first.map { String(decoding: $0, as: UTF8.self) } }

    /// Returns all messages of a field.
    package func messages(_ field: Int) throws -> [WireMessage] { try bytes(field).map { try WireMessage($0[...]) } }

    private static func take(_ count: Int, _ rest: inout ArraySlice<UInt8>) throws -> ArraySlice<UInt8> {
        guard count <= rest.count else { throw EventFile.Damage(place: rest.startIndex) }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    private static func varint(_ rest: inout ArraySlice<UInt8>) throws -> UInt64 {
        var (value, shift) = (UInt64(0), UInt64(0))
        while let byte = rest.popFirst(), shift < 64 {
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        throw EventFile.Damage(place: rest.startIndex)
    }
}
