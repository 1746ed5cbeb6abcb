/* The task explorer: a list that draws only what is seen, and one task in full. */

const VERDICTS = {
  "1": ["right", "✓", "exact match"], "2": ["near", "≈", "same syntax tree"], "3": ["near", "p", "by the published rule only"],
  "0": ["wrong", "·", "no match"], x: ["failed", "!", "failed"], "-": ["wrong", "–", "not answered"],
};
const CHUNK_TIMEOUT = 20000;

const Details = {
  chunks: new Map(),
  waiting: new Map(),
  /** The details of a task by its place in the list. */
  async of(report, place) {
    const number = Math.floor(place / report.chunk);
    if (!this.chunks.has(number)) this.chunks.set(number, this.load(report, number));
    try {
      return (await this.chunks.get(number))[place % report.chunk];
    } catch (error) {
      this.chunks.delete(number);
      throw error;
    }
  },
  load(report, number) {
    return new Promise((resolve, reject) => {
      const name = `${report.details}/${String(number).padStart(4, "0")}.js`;
      const script = document.createElement("script");
      const timer = setTimeout(() => reject(new Error(`${name} does not load`)), CHUNK_TIMEOUT);
      this.waiting.set(number, (id, text) => {
        clearTimeout(timer);
        script.remove();
        if (id !== report.id) reject(new Error(`${name} belongs to another report: make the report again`));
        else unpack(text).then(resolve, reject);
      });
      script.src = name;
      script.onerror = () => { clearTimeout(timer); reject(new Error(`${name} is missing: it lies beside the page and must be copied with it`)); };
      document.head.append(script);
    });
  },
};
window.repobenchDetails = (id, number, text) => Details.waiting.get(number)?.(id, text);

function startTasks(report) {
  const ROW = 58;
  const tasks = report.tasks;
  const chosen = { text: "", table: "", repository: "", family: "", event: "", type: "", run: "", verdict: "", differ: false };
  const runsOf = report.tables.map((table) => report.runs.map((run, index) => index).filter((index) => report.runs[index].dataset === table.dataset));
  const space = h("div", { class: "space" });
  const list = h("div", { class: "list", role: "listbox", tabindex: "0", "aria-label": "Tasks", id: "list" }, space);
  const count = h("p", { class: "count", role: "status" });
  const detail = h("article", { class: "card", id: "detail", tabindex: "-1", "aria-label": "Task" }, h("p", { class: "soft" }, "Choose a task from the list."));
  let found = [];
  let active = -1;
  let shown = -1;
  let texts = null;

  const coded = (name) => [["", "all"], ...tasks[name].texts.map((text, index) => [String(index), text]).sort((one, other) => one[1].localeCompare(other[1]))];
  const refilter = (name) => (value) => { chosen[name] = value; filter(); };
  let typing = 0;
  const search = h("input", { type: "search", placeholder: "target, file, repository, id", id: "search",
    input: () => { clearTimeout(typing); typing = setTimeout(() => refilter("text")(search.value), 120); } });
  const differ = h("input", { type: "checkbox", change: () => refilter("differ")(differ.checked) });
  byId("tasks").append(
    h("h1", { id: "tasks-title" }, "Tasks"),
    h("div", { class: "filters", role: "group", "aria-label": "Filters" },
      h("label", { class: "grow" }, "Search", search),
      choice("Table", [["", "all"], ...report.tables.map((table, index) => [String(index), tableName(report, table)])], "", refilter("table")),
      choice("Repository", coded("repository"), "", refilter("repository")),
      choice("Family", coded("family"), "", refilter("family")),
      choice("Event", coded("event"), "", refilter("event")),
      choice("Target type", coded("type"), "", refilter("type")),
      choice("Run", [["", "any"], ...report.runs.map((run, index) => [String(index), run.label])], "", refilter("run")),
      choice("Answer", [["", "any"], ...Object.entries(VERDICTS).map(([key, [, , text]]) => [key, text])], "", refilter("verdict")),
      h("label", { class: "check" }, differ, h("span", {}, "runs differ"))),
    h("div", { class: "explorer" }, h("section", { class: "card listing", "aria-label": "Found tasks" }, count, list), detail));

  /** What a search looks through, made once: lower case, one string per task. */
  function searchable() {
    if (texts) return texts;
    const part = (name) => tasks[name].texts.map((text) => text.toLowerCase());
    const [repositories, files, functions] = ["repository", "file", "function"].map(part);
    texts = Array.from({ length: tasks.count }, (_, task) => [tasks.target[task].toLowerCase(), repositories[tasks.repository.numbers[task]],
      files[tasks.file.numbers[task]], functions[tasks.function.numbers[task]], tasks.id[task]].join("\n"));
    return texts;
  }

  function filter() {
    const words = chosen.text.toLowerCase().split(/\s+/).filter(Boolean);
    const lines = words.length ? searchable() : null;
    const equal = ["repository", "family", "event", "type"].filter((name) => chosen[name] !== "")
      .map((name) => [tasks[name].numbers, Number(chosen[name])]);
    const columns = chosen.run === "" ? tasks.verdicts : [tasks.verdicts[Number(chosen.run)]];
    found = [];
    for (let task = 0; task < tasks.count; task += 1) {
      if (chosen.table !== "" && tasks.table[task] !== Number(chosen.table)) continue;
      if (!equal.every(([numbers, number]) => numbers[task] === number)) continue;
      if (chosen.run !== "" && !runsOf[tasks.table[task]].includes(Number(chosen.run))) continue;
      if (chosen.verdict !== "" && !columns.some((column, index) =>
        column[task] === chosen.verdict && (chosen.run !== "" || runsOf[tasks.table[task]].includes(index)))) continue;
      if (chosen.differ) {
        const verdicts = runsOf[tasks.table[task]].map((index) => tasks.verdicts[index][task]).filter((verdict) => verdict !== "-");
        if (new Set(verdicts.map((verdict) => verdict === "1")).size < 2) continue;
      }
      if (lines && !words.every((word) => lines[task].includes(word))) continue;
      found.push(task);
    }
    active = found.indexOf(shown);
    count.textContent = `${whole(found.length)} of ${plural(tasks.count, "task", "tasks")}`;
    space.style.height = `${found.length * ROW}px`;
    list.scrollTop = active > 0 ? active * ROW - 2 * ROW : 0;
    draw();
  }

  function draw() {
    const first = Math.max(0, Math.floor(list.scrollTop / ROW) - 5);
    const last = Math.min(found.length, first + Math.ceil((list.clientHeight || 600) / ROW) + 10);
    const rows = [];
    for (let place = first; place < last; place += 1) rows.push(option(place));
    list.replaceChildren(space, ...rows);
    if (active >= first && active < last) list.setAttribute("aria-activedescendant", `option-${active}`);
    else list.removeAttribute("aria-activedescendant");
  }

  function option(place) {
    const task = found[place];
    const file = tasks.file.texts[tasks.file.numbers[task]];
    const repository = tasks.repository.texts[tasks.repository.numbers[task]];
    const verdicts = runsOf[tasks.table[task]].map((index) => VERDICTS[tasks.verdicts[index][task]]);
    const right = verdicts.filter(([kind]) => kind === "right").length;
    const row = h("div", { class: "option", role: "option", id: `option-${place}`, "aria-selected": String(task === shown),
      "aria-posinset": place + 1, "aria-setsize": found.length,
      "aria-label": `${tasks.target[task]}, ${repository}, ${right} of ${verdicts.length} runs exact`,
      click: () => { active = place; open(); } },
    h("span", { class: "target" }, tasks.target[task]),
    h("span", { class: "where" }, h("span", {}, `${repository}${file ? ` · ${file}:${tasks.line[task]}` : ""}`),
      h("span", { class: "signs", "aria-hidden": "true" }, verdicts.map(([kind, sign]) => h("span", { class: kind }, sign)))));
    row.style.top = `${place * ROW}px`;
    if (place === active) row.style.outline = "2px solid var(--accent)", row.style.outlineOffset = "-2px";
    return row;
  }

  function move(to) {
    active = Math.max(0, Math.min(found.length - 1, to));
    const top = active * ROW;
    if (top < list.scrollTop) list.scrollTop = top;
    else if (top + ROW > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW - list.clientHeight;
    draw();
  }

  list.addEventListener("scroll", draw, { passive: true });
  list.addEventListener("keydown", (event) => {
    const page = Math.max(1, Math.floor(list.clientHeight / ROW) - 1);
    const steps = { ArrowDown: active + 1, ArrowUp: active - 1, PageDown: active + page, PageUp: active - page, Home: 0, End: found.length - 1 };
    if (event.key in steps) move(steps[event.key]);
    else if ((event.key === "Enter" || event.key === " ") && active >= 0) open(true);
    else return;
    event.preventDefault();
  });

  function open(focus = false) {
    const task = found[active];
    if (task === undefined) return;
    history.replaceState(null, "", `#task-${tasks.id[task]}`);
    show(task, focus);
  }

  async function show(task, focus) {
    shown = task;
    draw();
    detail.setAttribute("aria-busy", "true");
    let content;
    try {
      content = taskContent(await Details.of(report, task), task);
    } catch (error) {
      content = [h("p", { class: "alarm", role: "alert" }, `The details of this task cannot be shown: ${error.message}.`)];
    }
    if (shown !== task) return;
    detail.replaceChildren(...content);
    detail.setAttribute("aria-busy", "false");
    const code = detail.querySelector("pre.code");
    if (code) code.scrollTop = code.scrollHeight;
    if (focus) detail.focus();
    if (detail.getBoundingClientRect().top > window.innerHeight - 80) detail.scrollIntoView({ block: "start" });
  }

  function taskContent(task, place) {
    const step = (by) => () => { move(active + by); open(); };
    const where = task.file ? `${task.file}:${task.line}` : null;
    const facts = [
      ["Repository", task.repository], ["Table", tableName(report, report.tables[tasks.table[place]])],
      ["File", where && (task.link ? h("a", { href: task.link, rel: "noopener noreferrer", target: "_blank" }, where) : where)],
      ["Commit", task.commit && h("code", {}, task.commit)], ["Test", task.function && h("code", {}, task.function)],
      ["Kind", `${tasks.family.texts[tasks.family.numbers[place]]}, ${tasks.event.texts[tasks.event.numbers[place]]}, ` +
        `target ${tasks.type.texts[tasks.type.numbers[place]]}, at ${tasks.position[place]} % of the history`],
      ["Replaces", task.old_target && h("code", {}, task.old_target)], ["Task", h("code", {}, task.id)],
    ].filter(([, value]) => value);
    return [
      h("div", { class: "bar" }, h("h2", {}, "Task"), h("span", {},
        h("button", { type: "button", click: step(-1), "aria-label": "Previous task" }, "↑"), " ",
        h("button", { type: "button", click: step(1), "aria-label": "Next task" }, "↓"))),
      h("dl", { class: "facts" }, facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
      h("h3", {}, "Prefix and target"),
      task.prefix === undefined
        ? h("p", { class: "soft" }, "The prefix is not in this report: make it with --data DATASET.")
        : h("pre", { class: "code", tabindex: "0", role: "region", "aria-label": "Prefix, then the target" },
          task.before ? h("span", { class: "c" }, `… ${plural(task.before, "character", "characters")} before\n`) : null,
          coloured(task.prefix), task.gap, h("mark", { class: "cut" }, task.raw_target), coloured(task.suffix)),
      h("h3", {}, "Answers"),
      h("p", { class: "soft" }, "Against the target ", h("code", {}, task.target), ": ", h("del", {}, "missing"), " and ", h("ins", {}, "too much"), "."),
      ...task.answers.map((answer, index) => answerContent(task, answer, index, place)).filter(Boolean),
    ];
  }

  function answerContent(task, answer, index, place) {
    if (!answer) return null;
    const [kind, , text] = VERDICTS[tasks.verdicts[index][place]];
    const values = Object.entries(report.metrics).map(([name, metric]) =>
      `${metric.title} ${answer.values[name] === null ? `${ABSENT} (${answer.reasons[name]})` : metric.points ? (answer.values[name] ? "✓" : "✗") : answer.values[name].toFixed(3)}`);
    const run = report.runs[index];
    return h("section", { class: "answer", "aria-label": run.label },
      h("header", {}, h("span", { class: "dot", colour: report.colours[run.method], "aria-hidden": "true" }), h("strong", {}, run.label),
        h("span", { class: `badge ${kind}` }, text), answer.outcome ? h("span", { class: "badge" }, `executed: ${answer.outcome}`) : null,
        answer.complete || answer.error ? null : h("span", { class: "badge near" }, "no complete expression")),
      answer.error
        ? h("pre", { class: "short alarm" }, answer.error)
        : [h("pre", { class: "short", "aria-label": "Stopped prediction, as a difference from the target" }, difference(task.target, answer.stopped)),
          h("details", {}, h("summary", {}, "Raw and stopped prediction"), h("p", { class: "soft" }, "Stopped:"), h("pre", { class: "short" }, answer.stopped),
            h("p", { class: "soft" }, "Raw:"), h("pre", { class: "short" }, answer.raw))],
      h("p", { class: "values" }, values.join(" · ")));
  }

  let filtered = false;
  Pages.opened.tasks = (hash) => {
    if (!filtered) { filtered = true; filter(); }
    draw();
    const wanted = hash.startsWith("task-") ? tasks.id.indexOf(hash.slice(5)) : -1;
    if (hash.startsWith("task-") && wanted < 0) {
      detail.replaceChildren(h("p", { class: "alarm", role: "alert" }, "This report has no such task."));
    } else if (wanted >= 0 && wanted !== shown) {
      active = found.indexOf(wanted);
      if (active >= 0) move(active);
      show(wanted, false);
    }
  };
}
