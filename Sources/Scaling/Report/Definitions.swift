import Pages

/// The definitions of the numbers in the table of measured trainings, one line each.
enum Definitions {
    static func html(_ experiment: Experiment) -> Markup {
        let layout = experiment.base.layout
        return Parts.list([
            (
                "T(1)/T(n)",
                "Speed-up: the time of a step on one worker divided by that on n, of the same series (base: threads of one process; "
                    + "others: ranks). For weak scaling it is multiplied by n, because n times as much is done."
            ),
            (
                "efficiency",
                "Speed-up divided by n: 100 % if n workers do n times as much in the same time. If ranks differ in "
                    + "threads, n is the ratio of the numbers of workers."
            ),
            (
                "× base",
                "Tokens per second divided by those of the base, the fastest process without a launcher: "
                    + "\(count(layout.threads, "thread")), not bound to cores."
            ),
            (
                "of base",
                "Tokens per second and computing core, divided by those of the base. Ranks that share cores count each core once."
            ),
            (
                "ideal",
                "The dotted line: n workers take T(1)/n, or do n times as much. It ends where workers outnumber the cores, or "
                    + "where the number of threads per rank changes."
            ),
            (
                "limits",
                "The largest loss of a step: exchange, waiting or undivided work, if together they exceed a tenth of it."
            ),
        ])
    }
}
