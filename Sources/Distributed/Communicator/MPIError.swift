import CMPI
import DTrainCore

/// The error of an MPI call.
///
/// The library's text is copied at once, because MPI may be finalized when the error is printed.
package struct MPIError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The name of the call, such as `MPI_Alltoallv`.
    package let operation: String
    /// The code that the call returned.
    package let code: Int32
    /// The portable class of the code (MPI 3.1 §8.4).
    package let errorClass: Int32
    /// The library's own text.
    package let message: String

    /// The name of the call and the library's text, in one line.
    package var description: String { "\(operation) failed: \(message)" }

    /// Throws the error of a return code; every MPI call of the package is checked here.
    static func check(_ operation: StaticString, _ code: Int32) throws(MPIError) {
        guard code != CMPI_SUCCESS else { return }
        throw MPIError(operation, code)
    }

    private init(_ operation: StaticString, _ code: Int32) {
        self.operation = "\(operation)"
        self.code = code
        var flag: Int32 = 0
        // Before initialization and after finalization no other call is allowed (MPI 3.1 §8.7).
        guard cmpi_initialized(&flag) == CMPI_SUCCESS, flag != 0,
            cmpi_finalized(&flag) == CMPI_SUCCESS, flag == 0
        else {
            errorClass = code
            message = "code \(code)"
            return
        }
        var errorClass: Int32 = code
        let known = cmpi_error_class(code, &errorClass) == CMPI_SUCCESS
        self.errorClass = known ? errorClass : code
        message = mpiText { cmpi_error_string(code, $0, $1) } ?? "code \(code)"
    }
}

/// Returns the text that an MPI call writes into a buffer; nil when the call fails.
func mpiText(_ write: (UnsafeMutablePointer<CChar>, UnsafeMutablePointer<Int32>) -> Int32) -> String? {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(CMPI_MAX_TEXT) + 1) { buffer in
        buffer.initialize(repeating: 0)
        var count: Int32 = 0
        guard let text = buffer.baseAddress, write(text, &count) == CMPI_SUCCESS else { return nil }
        return String(cString: text)
    }
}
