"""How large the page of a report is, how long it takes to make, and how quick it is in a browser.

    python benchmarks/report_page.py [--tasks 50000] [--repositories 80] [--keep FOLDER]

Makes up a dataset and three runs (`contest/made_up.py`), writes the whole report in a process of its own, and opens it
in headless Chromium, where there is one: seconds until the page is ready, until all tasks are searched, and until a
task in the middle of the list is shown. Peak memory is of the process that writes, and of the JavaScript heap.
"""

import argparse
import multiprocessing
import re
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from contest.made_up import made_up_tasks, skilled, write_dataset, write_run

from harness.commands.reporting import make_report, write_all

_SKILLS = {"adapted": 0.34, "retrieved": 0.3, "plain": 0.22}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=50_000)
    parser.add_argument("--repositories", type=int, default=80)
    parser.add_argument("--keep", type=Path, help="folder to leave everything in; what is there already is used again")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        _prepare(folder, options.tasks, options.repositories)
        context = multiprocessing.get_context("spawn")
        parent, child = context.Pipe()
        process = context.Process(target=_measured, args=(folder, child))
        process.start()
        seconds, cpu, megabytes = parent.recv()
        process.join()
        _print_sizes(folder / "out")
        print(f"report: {seconds:.1f} s ({cpu:.1f} s of CPU), peak {megabytes:.0f} MB")
        _browse(folder / "out" / "report.html")
    return 0


def _prepare(folder: Path, count: int, repositories: int) -> None:
    if (folder / "runs" / list(_SKILLS)[-1] / "complete.json").is_file():
        return
    tasks = made_up_tasks(count, repositories=repositories)
    dataset = write_dataset(folder / "data", tasks)
    for number, (method, skill) in enumerate(_SKILLS.items()):
        write_run(folder / "runs" / method, dataset, tasks, method, skilled(tasks, skill, seed=number))


def _measured(folder: Path, results: "multiprocessing.connection.Connection") -> None:
    start = time.perf_counter()
    write_all(make_report([folder / "runs"], [folder / "data"]), folder / "out")
    usage = resource.getrusage(resource.RUSAGE_SELF)
    results.send((time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024))


def _print_sizes(out: Path) -> None:
    page = (out / "report.html").stat().st_size
    chunks = [path.stat().st_size for path in (out / "report-details").iterdir()]
    size, largest = sum(chunks) / 1e6, max(chunks) / 1e6
    print(f"page: {page / 1e6:.2f} MB; details: {len(chunks)} chunks, {size:.1f} MB, the largest {largest:.2f} MB")


def _browse(page: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("browser: there is no Chromium")
        return
    from playwright.sync_api import expect, sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        view = browser.new_page()
        start = time.perf_counter()
        view.goto(page.resolve().as_uri() + "#tasks")
        view.wait_for_selector("html[data-ready] .option")
        ready = time.perf_counter()
        view.fill("#search", "lantern 250")
        expect(view.locator(".count")).not_to_have_text(re.compile(r"^(\S+) of \1 "), timeout=60_000)
        searched = time.perf_counter()
        view.fill("#search", "")
        view.wait_for_timeout(400)
        view.evaluate("document.getElementById('list').scrollTop = document.getElementById('list').scrollHeight / 2")
        view.wait_for_timeout(200)
        opened = time.perf_counter()
        view.locator(".option").nth(8).click()
        view.wait_for_selector(".answer")
        shown = time.perf_counter()
        heap = view.evaluate("performance.memory ? performance.memory.usedJSHeapSize : 0") / 1e6
        times = f"ready {ready - start:.2f} s, search {searched - ready:.2f} s, task {shown - opened:.2f} s"
        print(f"browser: {times}, heap {heap:.0f} MB")
        browser.close()


if __name__ == "__main__":
    sys.exit(main())
