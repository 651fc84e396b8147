import Pages

/// The definitions of the numbers in the table of measured trainings, one line each.
enum Definitions {
    static func html(_ experiment: Experiment) -> Markup {
        let layout = experiment.base.layout
        return Parts.list([
            (
                "T(1)/T(n)",
                "Speed-up: the time of a step on one worker divided by that on n, of the same series (base: threads of one process; "
                    + "others: ranks). With weak scaling times n, since n times as much is done."
            ),
            (
                "efficiency",
                "Speed-up divided by n: 100 % where n workers do n times as much in the same time. Where ranks differ in "
                    + "threads, n is how many times as many workers there are."
            ),
            (
                "× base",
                "Tokens a second over those of the base, the fastest process without a launcher: "
                    + "\(count(layout.threads, "thread")), bound to no core."
            ),
            (
                "of base",
                "Tokens a second and core that computes, over those of the base. Ranks that share cores count their cores."
            ),
            (
                "ideal",
                "The dotted line: n workers take T(1)/n, or do n times as much. It ends where workers outnumber the cores, or "
                    + "where ranks have other numbers of threads."
            ),
            (
                "limits",
                "The largest of what a step loses to exchange, waiting and work that isn't divided, where they exceed a tenth."
            ),
        ])
    }
}
