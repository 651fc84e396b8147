import DTrainCore
import Glibc

/// Opens the destination of the metrics: a file, a pipe, a device, or this process's own output.
enum MetricsTarget {
    /// The microseconds between attempts to open a pipe without a reader.
    private static let interval: UInt32 = 50_000
    /// The seconds to wait for a pipe's reader.
    private static let readerTimeout = 10.0

    /// Checks the path before the training starts; reads only.
    ///
    /// - Throws: `DTrainError` with `usage` for a folder, a socket, the text, or a file with other
    ///   content than this training's metrics.
    static func check(_ path: String, data: [String], after predecessor: EarlierMetrics.Predecessor) throws {
        guard ![STDOUT_FILENO, STDERR_FILENO].contains(where: { isSame(path, $0) }) else { return }
        if let kind = FileKind(path: path), kind == .folder || kind == .socket { throw unfit(path, kind) }
        try EarlierMetrics(path: path, data: data)?.check(predecessor)
    }

    private static func unfit(_ path: String, _ kind: FileKind) -> DTrainError {
        DTrainError(.usage, "`metrics` '\(path)' is \(kind.name); name a file")
    }

    /// Opens a pipe, a device, or the target of this process's own output; nil for a regular file.
    ///
    /// - Throws: `DTrainError` with `usage` for a folder or socket; with `inputOutput` if it can't
    ///   be opened or a pipe has no reader; with `stopped` if a signal comes before the reader.
    static func open(_ path: String, stopSignal: () -> Int32) throws -> FileLock? {
        // A second descriptor would have its own file offset, and the two would overwrite each
        // other.
        for output in [STDOUT_FILENO, STDERR_FILENO] where isSame(path, output) {
            let descriptor = fcntl(output, F_DUPFD_CLOEXEC, 0)
            guard descriptor >= 0 else { throw failure(path) }
            return FileLock(unlocked: descriptor)
        }
        switch FileKind(path: path) {
        case nil, .regular: return nil
        case .pipe: return FileLock(unlocked: try openPipe(path, stopSignal))
        case .device:
            let descriptor = Glibc.open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
            guard descriptor >= 0 else { throw failure(path) }
            return FileLock(unlocked: descriptor)
        case .some(let other): throw unfit(path, other)
        }
    }

    /// Opens and locks a file, and drops lines that don't belong to the training's earlier steps.
    ///
    /// - Returns: the file, and a warning about its earlier lines, if any.
    /// - Throws: the same errors as `MetricsLog.init`.
    static func openFile(
        _ path: String, data: [String], after predecessor: EarlierMetrics.Predecessor
    ) throws -> (file: FileLock, remark: String?) {
        // Before `lock` creates a missing file.
        let earlier = try EarlierMetrics(path: path, data: data)
        let file = try lock(path)
        guard earlier != nil, let earlier = try EarlierMetrics(path: path, data: data) else { return (file, nil) }
        let lines = try earlier.check(predecessor).lines
        guard case .saved(let progress) = predecessor else {
            guard ftruncate(file.descriptor, 0) == 0 else { throw failure(path) }
            guard predecessor == .unsaved, lines > 0 else { return (file, nil) }
            return (file, "metrics file '\(path)' starts over: no checkpoint includes the steps of its \(lines) lines")
        }
        let last = try earlier.truncate(to: progress)
        let gap =
            "metrics file '\(path)' ends at step \(last), but the training resumes after step \(progress.step): "
            + "the file lacks the steps in between"
        return (file.isOn(path) ? file : try lock(path), last == progress.step ? nil : gap)
    }

    private static func lock(_ path: String) throws -> FileLock {
        do {
            return try FileLock(path: path, flags: O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK) { holder in
                DTrainError(
                    .usage, "another training (\(holder)) writes to metrics file '\(path)'",
                    hint: "wait until it ends, or name another file with `metrics`")
            }
        } catch let error as DTrainError where error.category == .inputOutput {
            throw failure(path)
        }
    }

    private static func isSame(_ path: String, _ descriptor: Int32) -> Bool {
        var (there, own) = (stat(), stat())
        return stat(path, &there) == 0 && fstat(descriptor, &own) == 0 && there.st_dev == own.st_dev
            && there.st_ino == own.st_ino && own.st_rdev == there.st_rdev
    }

    /// Opens a pipe as soon as it has a reader; writes to it never block.
    private static func openPipe(_ path: String, _ stopSignal: () -> Int32) throws -> Int32 {
        let end = Clock.seconds + readerTimeout
        while true {
            let descriptor = Glibc.open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK)
            if descriptor >= 0 { return descriptor }
            guard errno == ENXIO || errno == EINTR else { throw failure(path) }
            guard stopSignal() == 0 else {
                throw DTrainError(.stopped, "stopped while pipe '\(path)' of `metrics` had no reader; nothing is lost")
            }
            guard Clock.seconds < end else {
                throw DTrainError(
                    .inputOutput, "pipe '\(path)' has no reader",
                    hint: "start its reader first, or name a file with `metrics`")
            }
            usleep(interval)
        }
    }

    private static func failure(_ path: String) -> DTrainError {
        DTrainError(
            .inputOutput, "cannot open metrics file '\(path)': \(systemMessage())", hint: "name another with `metrics`")
    }
}
