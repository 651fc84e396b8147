/// An error that a user can act on: one line that names the file, value or rank, and says what to
/// do next.
///
/// Messages and hints write settings and commands by name in back quotes: "lower `learning-rate`".
/// A program replaces the names by its own spelling, such as a flag.
public struct DTrainError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of failure; its raw value is the process's exit code (BSD `sysexits.h`).
    public struct Category: RawRepresentable, Hashable, Sendable {
        /// The process's exit code.
        public let rawValue: Int32
        /// The category of an exit code.
        public init(rawValue: Int32) { self.rawValue = rawValue }

        /// The command line is wrong (EX_USAGE).
        public static let usage = Category(rawValue: 64)
        /// A text or checkpoint is damaged, of another format or unsuitable (EX_DATAERR).
        public static let badData = Category(rawValue: 65)
        /// A named input doesn't exist or can't be read (EX_NOINPUT).
        public static let noInput = Category(rawValue: 66)
        /// dtrain itself or a library that it uses failed (EX_SOFTWARE).
        public static let `internal` = Category(rawValue: 70)
        /// Reading or writing failed (EX_IOERR).
        public static let inputOutput = Category(rawValue: 74)
        /// The run saved its state and stopped on a signal; it can be resumed (EX_TEMPFAIL).
        public static let stopped = Category(rawValue: 75)
    }

    /// The kind of failure.
    public let category: Category
    /// What failed and where, without the leading `error:`; includes the next step if that involves
    /// no setting.
    public let message: String
    /// What to change, in terms of settings; nil if the message is complete.
    public let hint: String?

    /// Creates an error.
    public init(_ category: Category, _ message: String, hint: String? = nil) {
        self.category = category
        self.message = message
        self.hint = hint
    }

    /// The message and the hint on one line.
    public var description: String { hint.map { "\(message); \($0)" } ?? message }
}
