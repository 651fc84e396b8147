import ArgumentParser

/// A text in which `\n`, `\t` and `\\` stand for a newline, a tab and a backslash.
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
