import ArgumentParser

/// Replaces the escapes `\n`, `\t` and `\\` by a newline, a tab and a backslash.
///
/// - Throws: `ValidationError` for any other escape.
func unescaped(_ text: String) throws -> String {
    var result = String.UnicodeScalarView()
    var rest = text.unicodeScalars[...]
    while let scalar = rest.popFirst() {
        guard scalar == "\\" else {
            result.append(scalar)
            continue
        }
        switch rest.popFirst() {
        case "n": result.append("\n")
        case "t": result.append("\t")
        case "\\": result.append("\\")
        default: throw ValidationError("write \\n, \\t or, for a backslash, \\\\")
        }
    }
    return String(result)
}
