/// The style of all pages: light and dark, for large screens, phones and paper.
enum Style {
    /// The colors of a light page.
    private static let light: Markup = """
        --page: #f6f7f9; --card: #ffffff; --text: #1c2126; --soft: #5c6670; --line: #dde1e6; --c1: #2563a8; --c2: #c4541c;
        --c3: #2e8b57; --c4: #8a5cb8; --c5: #b8901a; --c6: #7d8790; --c7: #0f8a93; --c8: #b83a6b;
        """
    /// The colors of a dark page.
    private static let dark: Markup = """
        --page: #14171a; --card: #1d2226; --text: #e6e9ec; --soft: #9aa5af; --line: #343b42; --c1: #6aa9ee; --c2: #f08a55;
        --c3: #5fc48c; --c4: #bb93e6; --c5: #dfba4c; --c6: #98a2ab; --c7: #4fc7d1; --c8: #f07fa8;
        """
    /// The font sizes, from chart labels and legends through tables, text and headings to the
    /// page's title.
    ///
    /// A chart's labels have 12 units of its own, so charts are kept near the width at which a unit
    /// is a pixel.
    private static let sizes: Markup =
        "--size-1: .75rem; --size-2: .84rem; --size-3: .9375rem; --size-4: 1.125rem; --size-5: 1.45rem;"
    /// What charts are drawn with.
    private static let drawing: Markup = """
        svg text { fill: var(--soft); font-size: 12px; }
        svg .end { text-anchor: end; } svg .middle { text-anchor: middle; } svg .label { fill: var(--text); }
        svg .grid { stroke: var(--line); stroke-width: 1; } svg .tick { stroke: var(--soft); }
        svg polyline { fill: none; stroke-width: 2; } svg polyline.dashed { stroke-dasharray: 5 4; }
        svg polyline.dotted { stroke-width: 1.5; stroke-dasharray: 1.5 3; }
        svg .bar { stroke-width: 2; } svg circle.rings { fill: none; stroke-width: 1.5; }
        .c1 { --c: var(--c1); } .c2 { --c: var(--c2); } .c3 { --c: var(--c3); } .c4 { --c: var(--c4); }
        .c5 { --c: var(--c5); } .c6 { --c: var(--c6); } .c7 { --c: var(--c7); } .c8 { --c: var(--c8); }
        svg polyline, svg .bar, svg .rings { stroke: var(--c); } svg .dots, svg .fill { fill: var(--c); }
        """

    /// The style of a standalone chart file.
    static let picture: Markup = """
        svg { \(light) font-family: system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
        @media (prefers-color-scheme: dark) { svg { \(dark) } }
        svg .page { fill: var(--card); }
        \(drawing)
        """

    /// The style of a page.
    static let sheet: Markup = """
        :root { color-scheme: light dark; \(light) \(sizes) }
        @media (prefers-color-scheme: dark) { :root { \(dark) } }
        @media print { :root { color-scheme: light; \(light) } }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--page); color: var(--text); overflow-wrap: anywhere;
          font: var(--size-3)/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
        main { max-width: 1160px; margin: 0 auto; padding: 16px; }
        h1 { font-size: var(--size-5); line-height: 1.25; margin: .4em 0 .2em; }
        h2 { font-size: var(--size-4); margin: 1.8em 0 .5em; }
        h3 { font-size: var(--size-3); margin: 0 0 .3em; }
        p { margin: .4em 0 .8em; max-width: 46rem; }
        .soft { color: var(--soft); } .note { font-size: var(--size-2); }
        .verdict { border-left: 4px solid var(--c2); padding: .6em 1em; margin: .8em 0; background: var(--card);
          border-radius: 0 8px 8px 0; }
        .verdict p { margin: .25em 0; max-width: 62rem; } .verdict p:first-child { font-size: var(--size-4); line-height: 1.4; }
        .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 16px 0; }
        .card, .tile { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px; margin: 0;
          min-width: 0; }
        .tile b { display: block; font-size: var(--size-5); line-height: 1.3; }
        .tile span { color: var(--soft); font-size: var(--size-2); }
        .charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 310px), 1fr)); gap: 12px; }
        figure.card { max-width: 410px; } svg { display: block; width: 100%; height: auto; }
        \(drawing)
        .legend { display: flex; flex-wrap: wrap; gap: 2px 14px; margin: 0 0 6px; font-size: var(--size-1); color: var(--soft); }
        .key i { display: inline-block; vertical-align: middle; margin-right: 5px; width: 18px; height: 0;
          border-top: 2px solid var(--c); }
        .key.dashed i { border-top-style: dashed; } .key.dotted i { border-top-style: dotted; }
        .key.dots i { width: 9px; height: 9px; border: 0; border-radius: 50%; background: var(--c); }
        .key.rings i { width: 11px; height: 11px; border: 1.5px solid var(--c); border-radius: 50%; }
        .key.block i { width: 11px; height: 11px; border: 0; border-radius: 2px; background: var(--c); }
        .table { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 8px; margin: 8px 0; }
        .table.few { max-width: 34em; }
        table { border-collapse: collapse; font-size: var(--size-2); width: 100%; font-variant-numeric: tabular-nums; }
        th, td { padding: 6px 10px; text-align: right; white-space: nowrap; border-top: 1px solid var(--line); }
        thead th { border-top: 0; color: var(--soft); font-weight: 600; }
        th:first-child, td:first-child, .text { text-align: left; }
        dl { display: grid; grid-template-columns: minmax(6.5em, max-content) minmax(0, 1fr); gap: 4px 14px; margin: 0;
          font-size: var(--size-2); }
        dt { color: var(--soft); } dd { margin: 0; } code { font-size: inherit; }
        details { margin: 8px 0; } summary { cursor: pointer; color: var(--soft); }
        a { color: var(--c1); } :focus-visible { outline: 2px solid var(--c2); outline-offset: 1px; }
        pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; font: var(--size-2)/1.45 ui-monospace, Menlo, Consolas, monospace; }
        @media (max-width: 600px) { main { padding: 12px; } }
        @media print { :root { font-size: 11.5pt; } body { background: none; } main { max-width: none; padding: 0; }
          .card, .tile, .table, tr { break-inside: avoid; } h2, h3 { break-after: avoid; } .table { overflow: visible; }
          details::details-content { content-visibility: visible; } summary { list-style: none; } * { print-color-adjust: exact; } }
        """
}
