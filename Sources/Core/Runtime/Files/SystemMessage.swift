import Glibc

/// The text of the last failed system call, or of an error number.
package func systemMessage(_ code: Int32 = errno) -> String {
    String(cString: strerror(code))
}
