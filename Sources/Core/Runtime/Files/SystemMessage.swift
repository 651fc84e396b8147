import Glibc

/// Returns the system's message for the last failed call, or for an error number.
package func systemMessage(_ code: Int32 = errno) -> String {
    String(cString: strerror(code))
}
