import DTrainCore
import Glibc

/// Checks of host files, with clearer errors than the launcher's.
enum HostFile {
    private static let flags: Set = [
        "--hostfile", "-hostfile", "--machinefile", "-machinefile", "--default-hostfile", "-default-hostfile", "-f",
    ]

    /// Checks all host files of a launcher.
    ///
    /// - Parameters:
    ///   - path: the host file given by flag.
    ///   - arguments: further arguments of the launcher, which may name host files.
    /// - Throws: `DTrainError` with `noInput` for a file that can't be read, with `badData` for one
    ///   without hosts.
    static func check(_ path: String?, arguments: [String]) throws {
        if let path { try check(path) }
        for (flag, value) in zip(arguments, arguments.dropFirst()) where flags.contains(flag) { try check(value) }
    }

    private static func check(_ path: String) throws {
        let file = try MappedFile(path: path, kind: "host file")
        try withExtendedLifetime(file) {
            if file.bytes.contains(UInt8(ascii: "\r")) {
                throw DTrainError(
                    .badData,
                    "host file '\(path)' has Windows line endings (CRLF), which launchers read as part of a host name; "
                        + "convert it: sed -i 's/\\r$//' '\(path)'")
            }
            let lines = file.bytes.split(separator: UInt8(ascii: "\n"))
            let blank = Set(" \t".utf8)
            guard lines.contains(where: { $0.first { !blank.contains($0) }.map { $0 != UInt8(ascii: "#") } ?? false })
            else {
                throw DTrainError(
                    .badData, "host file '\(path)' names no host; write a line such as 'localhost slots=2'")
            }
        }
    }
}
