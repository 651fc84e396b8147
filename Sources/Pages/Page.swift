/// A self-contained HTML page with a policy that forbids loading anything.
package struct Page {
    /// A page's script, with the hash by which the page's policy allows only this script.
    package struct Script: Sendable {
        let source: Markup
        /// The SHA-256 of the source, in Base64.
        let hash: String

        package init(source: Markup, hash: String) { (self.source, self.hash) = (source, hash) }
    }

    private let title: String
    private let body: Markup
    private let sheet: Markup
    private let script: Script?

    /// Describes a page.
    ///
    /// - Parameters:
    ///   - title: the title of the window or tab.
    ///   - sheet: style rules in addition to the common ones.
    ///   - script: the only script that may run.
    ///   - body: the content.
    package init(title: String, sheet: Markup = "", script: Script? = nil, body: Markup) {
        (self.title, self.sheet, self.script, self.body) = (title, sheet, script, body)
    }

    /// The source of the page.
    package var html: String {
        let allowed = script.map { "; script-src 'sha256-\($0.hash)'" } ?? ""
        let policy = "default-src 'none'; style-src 'unsafe-inline'\(allowed)"
        let end: Markup = script.map { "<script>\($0.source)</script>\n" } ?? ""
        let page: Markup = """
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta http-equiv="Content-Security-Policy" content="\(policy)">
            <title>\(title)</title>
            <style>
            \(Style.sheet)
            \(sheet)
            </style></head><body><main>
            \(body)
            </main>
            \(end)</body></html>

            """
        return page.source
    }
}
