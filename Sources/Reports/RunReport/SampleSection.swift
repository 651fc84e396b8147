import Pages

/// The section of sample texts.
enum SampleSection {
    static func html(_ runs: [Run], _ samples: [[SampleText]]) -> Markup {
        let sections = zip(runs, samples).filter { !$1.isEmpty }.map { run, texts -> Markup in
            let heading: Markup = runs.count > 1 ? "<h3>\(run.name)</h3>" : ""
            return heading + "<div class=\"charts\">\n\(texts.map(sample).joined(separator: "\n"))</div>"
        }
        guard !sections.isEmpty else {
            return "<p>No sample texts: no readable checkpoint was found, or --length is 0.</p>"
        }
        let prompt = samples.joined().first?.prompt ?? ""
        let start = prompt == "\n" ? "a new line" : "“\(prompt)”"
        return "<p class=\"soft\">Continuations of \(start), all drawn with the same random numbers.</p>"
            + sections.joined()
    }

    private static func sample(_ sample: SampleText) -> Markup {
        let place = sample.epoch > 0 ? "after \(count(sample.epoch, "epoch"))" : "in the first epoch"
        return """
            <figure class="card"><h3>\(sample.file), \(place), \(count(sample.step, "step"))</h3>
            <pre><b>\(sample.prompt)</b>\(sample.text)</pre></figure>
            """
    }
}
