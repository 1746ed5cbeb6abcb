/* Begins: reads the report's data, then builds every page of it. */

Theme.start();
unpack(byId("payload").textContent.trim()).then((report) => {
  byId("status").textContent = report.tables.length ? "" : "There is no task that can be reported on.";
  if (report.tables.length) {
    startLeaderboard(report);
    startFigures(report);
    startPairs(report);
    startTasks(report);
  }
  Pages.start();
  document.documentElement.dataset.ready = "true";
}).catch((error) => {
  byId("status").textContent = `The report cannot be read: ${error.message}.`;
});
