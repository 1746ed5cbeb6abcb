/* Figures: drawn by Vega when they are looked at, each with its numbers as a table. */

function startFigures(report) {
  const place = byId("figures");
  const charts = h("div", { class: "charts" });
  let table = "0";
  let drawn = "";
  const groups = [...report.tables.map((one, index) => [String(index), tableName(report, one)])];
  if (report.conditioning.length) groups.push(["conditioning", "Conditioning"]);
  place.append(
    h("h1", { id: "figures-title" }, "Figures"),
    h("p", { class: "lead" }, "Each figure is of one table of the leaderboard; the numbers are below it."),
    h("div", { class: "filters" }, choice("Table", groups, table, (value) => { table = value; draw(); })),
    charts);

  function colour(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

  function theme() {
    const [ink, soft, line] = [colour("--ink"), colour("--soft"), colour("--line")];
    return {
      background: "transparent", font: "Helvetica Neue, Helvetica, Arial, sans-serif", view: { stroke: null },
      axis: { labelColor: soft, titleColor: ink, gridColor: line, domainColor: line, tickColor: line, titleFontWeight: 600, labelFontSize: 12 },
      legend: { labelColor: ink, titleColor: soft, labelFontSize: 12, columns: place.clientWidth < 520 ? 1 : 3 },
      boxplot: { median: { color: ink } }, rule: { color: soft },
    };
  }

  function draw() {
    const figures = table === "conditioning" ? report.conditioning : report.tables[Number(table)].figures;
    drawn = `${table} ${document.documentElement.dataset.theme}`;
    charts.replaceChildren(...figures.map((figure) => {
      // Vega gives the element that it draws in a role of its own, so that the words stand around it.
      const chart = h("div", { class: "drawing" });
      const card = h("section", { class: "card" },
        h("h2", {}, figure.title), h("p", { class: "caption" }, figure.caption),
        h("div", { class: "chart", role: "img", "aria-label": `${figure.title}. ${figure.caption}` }, chart),
        h("details", {}, h("summary", {}, "Numbers as a table"), plainTable(figure.headings, figure.rows, figure.texts)));
      const spec = { ...figure.spec, width: "container", autosize: { type: "fit-x", contains: "padding" } };
      const options = { ast: true, renderer: "svg", actions: false, config: theme(), tooltip: { theme: document.documentElement.dataset.theme } };
      requestAnimationFrame(() => vegaEmbed(chart, spec, options).catch((error) => {
        chart.replaceChildren(h("p", { class: "alarm" }, `This figure cannot be drawn: ${error.message}`));
      }));
      return card;
    }));
    if (!figures.length) charts.append(h("p", { class: "card" }, "There is no figure of this table."));
  }

  Pages.opened.figures = () => { if (drawn !== `${table} ${document.documentElement.dataset.theme}`) draw(); };
  Theme.listeners.push(() => { if (!place.hidden && drawn) draw(); });
}
