"use strict";

/* The page's own parts: elements, numbers, the report's data, theme and pages.
   Text of the report reaches the page as text nodes alone; nothing here parses HTML. */

const byId = (id) => document.getElementById(id);

/** An element with attributes and children; functions become listeners, `colour` a custom property. */
function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else if (name === "colour") element.style.setProperty("--colour", value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const ABSENT = "–";
const whole = (value) => value.toLocaleString("en");
const plural = (count, one, many) => `${whole(count)} ${count === 1 ? one : many}`;

/** A metric's value as people read it: exact matches in per cent. */
function metricText(value, metric) {
  if (value === null || value === undefined) return ABSENT;
  return metric.points ? (100 * value).toFixed(1) : value.toFixed(3);
}

function secondsText(value) {
  if (value === null || value === undefined) return ABSENT;
  return value >= 1 ? value.toFixed(1) : value >= 0.001 ? value.toPrecision(2) : "<0.001";
}

/** A labelled choice; `options` are [value, text]. */
function choice(label, options, value, changed) {
  const select = h("select", { "aria-label": label, change: () => changed(select.value) });
  for (const [key, text] of options) select.append(h("option", { value: key, selected: key === value }, text));
  return h("label", {}, label, select);
}

function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

const Theme = {
  key: "repobench-theme",
  system: window.matchMedia("(prefers-color-scheme: dark)"),
  listeners: [],
  stored() {
    try { return localStorage.getItem(this.key); } catch { return null; }
  },
  current() { return this.stored() || (this.system.matches ? "dark" : "light"); },
  apply() {
    const theme = this.current();
    document.documentElement.dataset.theme = theme;
    const other = theme === "dark" ? "light" : "dark";
    byId("theme").textContent = other === "dark" ? "☾ Dark" : "☀ Light";
    byId("theme").setAttribute("aria-label", `Switch to the ${other} theme`);
    for (const listener of this.listeners) listener();
  },
  start() {
    byId("theme").addEventListener("click", () => {
      const other = this.current() === "dark" ? "light" : "dark";
      try { localStorage.setItem(this.key, other); } catch { this.stored = () => other; }
      this.apply();
    });
    this.system.addEventListener("change", () => this.apply());
    this.apply();
  },
};

const Pages = {
  names: { leaderboard: "Leaderboard", figures: "Figures", pairs: "Pairs", tasks: "Tasks", notes: "Notes" },
  opened: {},
  shown: "",
  start() {
    for (const [name, title] of Object.entries(this.names)) {
      byId("tabs").append(h("li", {}, h("a", { href: `#${name}` }, title)));
    }
    window.addEventListener("hashchange", () => this.show());
    window.addEventListener("beforeprint", () => { for (const name of ["leaderboard", "notes"]) byId(name).hidden = false; });
    window.addEventListener("afterprint", () => this.show());
    this.show();
  },
  show() {
    const hash = location.hash.slice(1);
    const name = hash.startsWith("task-") ? "tasks" : hash in this.names ? hash : "leaderboard";
    if (hash === "main" && this.shown) return;
    this.shown = name;
    for (const other of Object.keys(this.names)) byId(other).hidden = other !== name;
    for (const link of byId("tabs").querySelectorAll("a")) {
      if (link.getAttribute("href") === `#${name}`) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    document.title = `${this.names[name]} · RepoPeftBench report`;
    if (this.opened[name]) this.opened[name](hash);
  },
};

/** A table with headers that sort; columns are {title, text, key(row), cell(row)}; `text` columns stand left. */
function sortableTable(columns, rows, { label, sort = null, head = 0 }) {
  let order = sort;
  const body = h("tbody");
  const headings = columns.map((column, index) => {
    const button = h("button", { type: "button", click: () => {
      const down = order && order[0] === index ? !order[1] : column.down || !column.text;
      order = [index, down];
      draw();
    } }, column.title);
    return h("th", { scope: "col", class: column.text ? "text" : null, title: column.hint }, column.key ? button : column.title);
  });
  function draw() {
    headings.forEach((heading, index) => {
      if (!columns[index].key) return;
      heading.setAttribute("aria-sort", order && order[0] === index ? (order[1] ? "descending" : "ascending") : "none");
    });
    let shown = rows;
    if (order) {
      const key = columns[order[0]].key;
      const sign = order[1] ? -1 : 1;
      shown = [...rows].sort((one, other) => {
        const [a, b] = [key(one), key(other)];
        if (a === null || a === undefined) return b === null || b === undefined ? 0 : 1;
        if (b === null || b === undefined) return -1;
        return sign * (typeof a === "string" ? a.localeCompare(b) : a - b);
      });
    }
    body.replaceChildren(...shown.map((row) => h("tr", {}, columns.map((column, index) =>
      h(index === head ? "th" : "td", { class: column.text ? "text" : null, scope: index === head ? "row" : null }, column.cell(row))))));
  }
  draw();
  return h("div", { class: "wide", role: "region", "aria-label": label, tabindex: "0" },
    h("table", {}, h("thead", {}, h("tr", {}, headings)), body));
}

function plainTable(headings, rows, texts) {
  return h("div", { class: "wide", role: "region", "aria-label": "Numbers", tabindex: "0" }, h("table", {},
    h("thead", {}, h("tr", {}, headings.map((text, index) => h("th", { scope: "col", class: index < texts ? "text" : null }, text)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell, index) => h("td", { class: index < texts ? "text" : null }, cell)))))));
}

function tableName(report, table) {
  const dataset = report.datasets.length > 1 ? `${report.datasets[table.dataset].name} · ` : "";
  return `${dataset}${table.track} · ${table.split}`;
}
