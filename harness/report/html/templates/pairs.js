/* Two methods against each other: verdict, repositories, tasks that flipped. */

function startPairs(report) {
  const tables = report.tables.map((table, index) => [table, index]).filter(([table]) => table.rows.length > 1);
  const place = byId("pairs");
  place.append(h("h1", { id: "pairs-title" }, "Pairs"),
    h("p", { class: "lead" }, "Method A against method B on the exact match, task by task. Verdicts take whole repositories as the unit."));
  if (!tables.length) {
    place.append(h("p", { class: "card" }, "There is no table with two methods."));
    return;
  }
  const chosen = { table: String(tables[0][1]), first: "", second: "" };
  const filters = h("div", { class: "filters", role: "group", "aria-label": "Methods" });
  const content = h("div");
  const FLIPS = 100;
  place.append(filters, content);
  const current = () => report.tables[Number(chosen.table)];

  function select() {
    const methods = current().rows.map((row) => row.method);
    if (!methods.includes(chosen.first)) chosen.first = methods[0];
    if (!methods.includes(chosen.second) || chosen.second === chosen.first) chosen.second = methods.find((name) => name !== chosen.first);
    const named = methods.map((name) => [name, name]);
    filters.replaceChildren(
      choice("Table", tables.map(([table, index]) => [String(index), tableName(report, table)]), chosen.table, (value) => { chosen.table = value; select(); }),
      choice("A", named, chosen.first, (value) => { if (value === chosen.second) chosen.second = chosen.first; chosen.first = value; select(); }),
      choice("B", named, chosen.second, (value) => { if (value === chosen.first) chosen.first = chosen.second; chosen.second = value; select(); }),
      h("button", { type: "button", click: () => { [chosen.first, chosen.second] = [chosen.second, chosen.first]; select(); } }, "Swap A and B"));
    draw();
  }

  /** By task the share of seeds that solved it, null where some method of the table did not answer. */
  function compare() {
    const { first, second } = chosen;
    const tasks = report.tasks;
    const number = Number(chosen.table);
    const runsOf = (method) => report.runs.map((run, index) => [run, index])
      .filter(([run]) => run.method === method && run.dataset === current().dataset).map(([, index]) => tasks.verdicts[index]);
    const all = current().rows.flatMap((row) => runsOf(row.method));
    const [ones, others] = [runsOf(first), runsOf(second)];
    const solved = (columns, task) => columns.reduce((sum, column) => sum + (column[task] === "1"), 0) / columns.length;
    const found = { both: 0, neither: 0, tasks: 0, sums: [0, 0], flips: [], repositories: new Map() };
    for (let task = 0; task < tasks.count; task += 1) {
      if (tasks.table[task] !== number || all.some((column) => column[task] === "-")) continue;
      const [a, b] = [solved(ones, task), solved(others, task)];
      found.tasks += 1;
      found.sums[0] += a;
      found.sums[1] += b;
      if (a !== b) found.flips.push([task, a, b]);
      else if (a === 1) found.both += 1;
      else if (a === 0) found.neither += 1;
      const name = tasks.repository.numbers[task];
      const sums = found.repositories.get(name) || [0, 0, 0];
      found.repositories.set(name, [sums[0] + a, sums[1] + b, sums[2] + 1]);
    }
    found.flips.sort((one, other) => Math.abs(other[1] - other[2]) - Math.abs(one[1] - one[2]) || (other[1] - other[2]) - (one[1] - one[2]) || one[0] - other[0]);
    return found;
  }

  function draw() {
    const { first, second } = chosen;
    const pair = current().pairs.find((one) => [one.first, one.second].includes(first) && [one.first, one.second].includes(second));
    const found = compare();
    const share = (count) => `${((100 * count) / Math.max(1, found.tasks)).toFixed(1)} %`;
    const tile = (value, text) => h("li", {}, h("b", {}, value), h("span", {}, text));
    const only = (sign) => found.flips.filter(([, a, b]) => Math.sign(a - b) === sign).length;
    content.replaceChildren(
      h("section", { class: "card" },
        h("p", { class: "verdict", role: "status" }, pair ? pair.sentence : ""),
        pair ? h("p", { class: "soft" }, `p by sign flips of repositories ${pText(pair.sign_flip)}, corrected for all pairs of this report ${pText(pair.corrected)}`,
          pair.mcnemar === null ? "" : `; McNemar's, which takes tasks as independent, ${pText(pair.mcnemar)}`, ".") : null,
        h("ul", { class: "tiles" },
          tile(share(found.sums[0]), `A: ${first}`), tile(share(found.sums[1]), `B: ${second}`),
          tile(whole(found.both), "both solve"), tile(whole(only(1)), "A does better"),
          tile(whole(only(-1)), "B does better"), tile(whole(found.neither), "neither solves"))),
      h("div", { class: "columns" }, repositories(found), flips(found)));
  }

  function repositories(found) {
    const rows = [...found.repositories].map(([number, [a, b, count]]) => ({
      name: report.tasks.repository.texts[number], a: a / count, b: b / count, count, lead: (a - b) / count,
    }));
    const most = Math.max(...rows.map((row) => Math.abs(row.lead)), 0.01);
    const bar = (row) => {
      const fill = h("i", { colour: report.colours[row.lead >= 0 ? chosen.first : chosen.second] });
      const width = (50 * Math.abs(row.lead)) / most;
      fill.style.left = `${row.lead >= 0 ? 50 : 50 - width}%`;
      fill.style.width = `${width}%`;
      return h("span", { class: "diverging", "aria-hidden": "true" }, fill);
    };
    const percent = (value) => (100 * value).toFixed(1);
    return h("section", { class: "card" }, h("h2", {}, "Repositories"), sortableTable([
      { title: "Repository", text: true, key: (row) => row.name, cell: (row) => row.name },
      { title: "Tasks", key: (row) => row.count, cell: (row) => whole(row.count) },
      { title: "A %", key: (row) => row.a, cell: (row) => percent(row.a) },
      { title: "B %", key: (row) => row.b, cell: (row) => percent(row.b) },
      { title: "A less B", key: (row) => row.lead, cell: (row) => [bar(row), h("span", { class: "lead-number" }, percent(row.lead))] },
    ], rows, { label: "Differences by repository", sort: [4, true] }));
  }

  function flips(found) {
    const list = h("ul", { class: "flips" });
    let shown = 0;
    const more = h("button", { type: "button", click: show }, "Show more");
    function show() {
      for (const [task, a, b] of found.flips.slice(shown, shown + FLIPS)) {
        list.append(h("li", {}, h("button", { type: "button", click: () => { location.hash = `task-${report.tasks.id[task]}`; } },
          h("span", { class: "mono" }, report.tasks.target[task]),
          h("span", { class: "soft" }, `${a > b ? "A" : "B"} does better · ${report.tasks.repository.texts[report.tasks.repository.numbers[task]]}`))));
      }
      shown = Math.min(shown + FLIPS, found.flips.length);
      more.hidden = shown >= found.flips.length;
    }
    show();
    return h("section", { class: "card" }, h("h2", {}, plural(found.flips.length, "task flipped", "tasks flipped")), list, more);
  }

  const pText = (value) => (value < 0.001 ? "<0.001" : value.toPrecision(2));
  Pages.opened.pairs = () => { if (!content.firstChild) select(); };
}
