/* The leaderboard: one card per dataset, track and split, filtered and sorted. */

function startLeaderboard(report) {
  const chosen = { dataset: "", track: "", suite: "", metric: report.headline, family: "", event: "" };
  const cards = h("div");
  const tables = report.tables;
  const values = (get) => [...new Set(tables.flatMap(get))];
  const options = (all, found) => [["", all], ...found.map((value) => [value, value])];
  const redraw = (name) => (value) => { chosen[name] = value; draw(); };
  byId("leaderboard").append(
    h("h1", { id: "leaderboard-title" }, "Leaderboard"),
    h("p", { class: "lead" }, "All methods of a table are measured on the same tasks. Bars are 95 % intervals over repositories."),
    h("div", { class: "filters", role: "group", "aria-label": "Filters" },
      report.datasets.length > 1
        ? choice("Protocol", [["", "all"], ...report.datasets.map((one, index) => [String(index), one.name])], "", redraw("dataset"))
        : null,
      choice("Track", options("both", values((table) => table.track)), "", redraw("track")),
      choice("Suite", options("all", values((table) => table.suite)), "", redraw("suite")),
      choice("Metric", Object.entries(report.metrics).map(([name, metric]) => [name, metric.title]), report.headline, redraw("metric")),
      choice("Family", options("all", values((table) => table.families)), "", redraw("family")),
      choice("Event", options("all", values((table) => table.events)), "", redraw("event"))),
    cards);

  function draw() {
    const shown = tables.filter((table) =>
      (chosen.dataset === "" || String(table.dataset) === chosen.dataset) &&
      (chosen.track === "" || table.track === chosen.track) &&
      (chosen.suite === "" || table.suite === chosen.suite) &&
      table.cells[`${chosen.family}|${chosen.event}`]);
    cards.replaceChildren(...shown.map(card));
    if (!shown.length) cards.append(h("p", { class: "card", role: "status" }, "No task fits these filters."));
  }

  function card(table) {
    const cells = table.cells[`${chosen.family}|${chosen.event}`];
    const everything = !chosen.family && !chosen.event;
    const metric = report.metrics[chosen.metric];
    const rows = table.rows.map((row, index) => ({
      row, interval: cells.values[chosen.metric][index], paper: cells.values.em_paper[index], strict: cells.values.em_strict[index],
    }));
    const most = Math.max(...rows.map(({ interval }) => interval[2] ?? interval[0]), metric.points ? 0.02 : 0.05);
    const unscored = (row) => row.answers - row.failed - row.scored[chosen.metric];
    const columns = [
      { title: "Method", text: true, key: ({ row }) => row.method,
        cell: ({ row }) => [h("span", { class: "dot", colour: report.colours[row.method], "aria-hidden": "true" }), row.method,
          row.seeds > 1 ? h("span", { class: "soft" }, ` (${row.seeds} seeds)`) : null] },
      { title: metric.points ? `${metric.title} %` : metric.title, text: true, down: true, key: ({ interval }) => interval[0],
        cell: ({ row, interval }) => intervalCell(interval, metric, most, report.colours[row.method]) },
      everything && chosen.metric === report.headline && table.rows.some((row) => row.letters)
        ? { title: "Letters", hint: "Methods that share a letter were not shown to differ", text: true, key: ({ row }) => row.letters,
            cell: ({ row }) => h("span", { class: "letters" }, row.letters) }
        : null,
      chosen.metric === "em_strict" ? null : { title: "EM %", key: ({ strict }) => strict[0], cell: ({ strict }) => metricText(strict[0], { points: true }) },
      chosen.metric === "em_paper" ? null : { title: "EM paper %", key: ({ paper }) => paper[0], cell: ({ paper }) => metricText(paper[0], { points: true }) },
      { title: "Gap", hint: "EM paper less EM, in points", key: ({ paper, strict }) => paper[0] - strict[0],
        cell: ({ paper, strict }) => signed(100 * (paper[0] - strict[0])) },
      everything ? { title: "Per repository", hint: "Mean of the repositories' own means", key: ({ row }) => row.macro[chosen.metric][0],
        cell: ({ row }) => metricText(row.macro[chosen.metric][0], metric) } : null,
      everything ? { title: "Failed", hint: "Answers that are missing because the method raised an error", key: ({ row }) => row.failed,
        cell: ({ row }) => h("span", { class: row.failed ? "alarm" : "soft" }, whole(row.failed)) } : null,
      everything ? { title: "Unscored", hint: "Answers that this metric cannot score; they count as not solved", key: ({ row }) => unscored(row),
        cell: ({ row }) => h("span", { class: unscored(row) ? "alarm" : "soft" }, whole(unscored(row))) } : null,
      everything ? { title: "Left out", hint: "Further tasks that this method answered and another did not", key: ({ row }) => row.left_out,
        cell: ({ row }) => h("span", { class: "soft" }, whole(row.left_out)) } : null,
      { title: "s / task", hint: "Seconds per task by the run's log", key: ({ row }) => row.seconds, cell: ({ row }) => secondsText(row.seconds) },
    ].filter(Boolean);
    const name = tableName(report, table);
    return h("section", { class: "card" },
      h("h2", {}, name),
      h("p", { class: "soft" }, `${plural(cells.tasks, "task", "tasks")} of ${plural(cells.repositories, "repository", "repositories")}`,
        chosen.family ? ` · family ${chosen.family}` : "", chosen.event ? ` · event ${chosen.event}` : "",
        cells.repositories < report.fewest ? ` · too few repositories for verdicts, which need ${report.fewest}` : ""),
      sortableTable(columns, rows, { label: name, sort: [1, true] }),
      table.costs ? h("details", {}, h("summary", {}, "Costs"), plainTable(table.costs.headings, table.costs.rows, table.costs.texts)) : null);
  }

  function intervalCell(interval, metric, most, colour) {
    const [mean, low, high] = interval;
    const place = (value) => `${(100 * value) / most}%`;
    const scale = h("span", { class: "scale", colour, "aria-hidden": "true" });
    if (low !== null) {
      const range = h("i", { class: "range" });
      range.style.left = place(low);
      range.style.width = `${(100 * (high - low)) / most}%`;
      scale.append(range);
    }
    const point = h("i", { class: "point" });
    point.style.left = place(mean);
    scale.append(point);
    return h("span", { class: "interval" }, h("span", { class: "number" }, metricText(mean, metric)), scale,
      h("span", { class: "ends" }, low === null ? "no interval" : `${metricText(low, metric)} to ${metricText(high, metric)}`));
  }

  const signed = (value) => (Math.abs(value) < 0.05 ? "0.0" : value.toFixed(1).replace(/^(?=\d)/, "+").replace("-", "−"));
  draw();
}
