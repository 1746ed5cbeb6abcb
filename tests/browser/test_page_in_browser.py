"""The page in a real browser, opened from the disk as a reader would, and from `repobench serve`."""

import re
import threading

import pytest
from page_cases import HOSTILE, HOSTILE_REPOSITORY, MARK
from playwright.sync_api import expect

from harness.report.serving import ServedReport, report_address, report_server

pytestmark = pytest.mark.browser

PAGES = ("leaderboard", "figures", "pairs", "tasks", "notes")
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True}


def address(out, page=""):
    return (out / "report.html").resolve().as_uri() + (f"#{page}" if page else "")


def texts(view, selector):
    return view.locator(selector).all_inner_texts()


def methods_of_first_table(view):
    return texts(view, "#leaderboard .card:first-child tbody th")


def overflow(view):
    return view.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.mark.parametrize("page", PAGES)
def test_every_page_loads_from_the_disk_without_errors(open_page, usual, page):
    view = open_page(address(usual, page))
    assert view.locator(f"#{page} h1").is_visible()
    assert view.locator("#tabs a[aria-current=page]").get_attribute("href") == f"#{page}"
    assert view.locator("main > section:visible").count() == 1


def test_headers_sort_with_mouse_and_keyboard(open_page, usual):
    view = open_page(address(usual))
    before = methods_of_first_table(view)
    heading = view.locator("#leaderboard .card:first-child th", has=view.get_by_role("button", name="EM %", exact=True))
    assert heading.get_attribute("aria-sort") == "descending"
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert methods_of_first_table(view) == before[::-1]
    view.locator("#leaderboard .card:first-child th button", has_text="Method").focus()
    view.keyboard.press("Enter")
    names = methods_of_first_table(view)
    assert names == sorted(names)


def test_costs_open_below_the_methods(open_page, usual):
    view = open_page(address(usual))
    card = view.locator("#leaderboard .card").first
    card.locator("summary", has_text="Costs").click()
    expect(card.locator("details th", has_text="Prompt tokens")).to_be_visible()
    assert card.locator("details tbody tr").count() == 3
    assert overflow(view) == 0


def test_filters_choose_tables_metrics_families_and_events(open_page, usual):
    view = open_page(address(usual))
    assert view.locator("#leaderboard .card").count() == 4
    view.locator("#leaderboard").get_by_label("Track").select_option("evolution")
    assert texts(view, "#leaderboard h2") == ["evolution · ir_test", "evolution · cr_test"]
    view.locator("#leaderboard").get_by_label("Suite").select_option("cr")
    whole = view.locator("#leaderboard .card p").inner_text()
    view.locator("#leaderboard").get_by_label("Event").select_option("added")
    part = view.locator("#leaderboard .card p").inner_text()
    assert "event added" in part
    tasks = [int(re.match(r"(\d+) tasks", text)[1]) for text in (whole, part)]
    assert 0 < tasks[1] < tasks[0]
    view.locator("#leaderboard").get_by_label("Metric").select_option("edit_similarity")
    assert "EditSim" in texts(view, "#leaderboard th button")
    view.locator("#leaderboard").get_by_label("Event").select_option("")
    view.locator("#leaderboard").get_by_label("Family").select_option("unittest")
    assert "family unittest" in view.locator("#leaderboard .card p").inner_text()


def test_figures_are_drawn_and_have_words_and_tables(open_page, usual):
    view = open_page(address(usual, "figures"))
    view.locator("#figures").get_by_label("Table").select_option("3")
    charts = view.locator("#figures .chart")
    assert charts.count() >= 7
    expect(view.locator("#figures .chart svg")).to_have_count(charts.count())
    for place in range(charts.count()):
        assert charts.nth(place).get_attribute("role") == "img"
        assert len(charts.nth(place).get_attribute("aria-label")) > 30
        assert charts.nth(place).locator("svg path, svg text").count() > 5
    view.locator("#figures summary").first.click()
    assert view.locator("#figures details[open] tbody tr").count() == 3


def test_theme_follows_the_system_is_switched_and_remembered(open_page, usual):
    view = open_page(address(usual), color_scheme="dark")
    theme = "document.documentElement.dataset.theme"
    ground = "getComputedStyle(document.body).backgroundColor"
    assert view.evaluate(theme) == "dark"
    dark = view.evaluate(ground)
    view.get_by_role("button", name="Switch to the light theme").click()
    assert view.evaluate(theme) == "light"
    assert view.evaluate(ground) != dark
    view.reload()
    view.wait_for_selector("html[data-ready]")
    assert view.evaluate(theme) == "light"
    assert open_page(address(usual), color_scheme="light").evaluate(theme) == "light"


def test_task_is_searched_opened_and_shown_with_every_answer(open_page, usual):
    view = open_page(address(usual, "tasks"))
    assert view.locator(".count").inner_text() == "240 of 240 tasks"
    assert view.locator(".option").count() < 60
    view.locator("#tasks").get_by_label("Run", exact=True).select_option(label="able")
    view.locator("#tasks").get_by_label("Answer", exact=True).select_option("x")
    expect(view.locator(".count")).to_have_text("6 of 240 tasks")
    view.locator("#tasks").get_by_label("Answer", exact=True).select_option("1")
    view.locator("#tasks").get_by_label("runs differ").check()
    view.fill("#search", "beacon test_")
    expect(view.locator(".count")).to_have_text(re.compile(r"^\d\d? of 240 tasks$"))
    view.locator(".option").first.click()
    view.wait_for_selector(".answer")
    assert texts(view, ".answer strong") == ["able", "plain", "seeded, seed 0", "seeded, seed 1"]
    assert "exact match" in view.locator(".answer").first.inner_text()
    code = view.locator("pre.code")
    assert code.locator(".k").first.inner_text() in ("from", "def", "import")
    assert code.inner_text().rstrip().endswith(view.locator("mark.cut").inner_text())
    assert view.locator("dl a").get_attribute("href").startswith("https://github.com/")
    assert re.fullmatch(r".*#task-[0-9a-f]{12}", view.url)
    assert view.locator(".answer ins, .answer del").count() > 0
    shown = view.locator("dl code").last.inner_text()
    again = open_page(view.url)
    again.wait_for_selector(".answer")
    assert again.locator("dl code").last.inner_text() == shown


def test_explorer_needs_no_mouse(open_page, usual):
    view = open_page(address(usual))
    view.keyboard.press("Tab")
    assert view.evaluate("document.activeElement.className") == "skip"
    view.locator("#tabs a", has_text="Tasks").focus()
    view.keyboard.press("Enter")
    expect(view.locator("#list")).to_be_visible()  # what is hidden takes no focus
    view.locator("#list").focus()
    view.keyboard.press("ArrowDown")
    view.keyboard.press("ArrowDown")
    expect(view.locator("#list")).to_have_attribute("aria-activedescendant", "option-1")
    view.keyboard.press("End")
    expect(view.locator("#list")).to_have_attribute("aria-activedescendant", "option-239")
    view.keyboard.press("Home")
    view.keyboard.press("Enter")
    view.wait_for_selector(".answer")
    assert view.locator(".option[aria-selected=true]").get_attribute("id") == "option-0"
    assert view.evaluate("document.activeElement.id") == "detail"
    view.locator("#tabs a").first.focus()
    assert view.evaluate("document.activeElement.matches(':focus-visible')")


def test_pairs_show_verdict_repositories_and_flips_that_open(open_page, usual):
    view = open_page(address(usual, "pairs"))
    view.locator("#pairs").get_by_label("Table").select_option("3")
    sentence = view.locator(".verdict").inner_text()
    assert "able" in sentence
    tiles = dict(zip(texts(view, ".tiles span"), texts(view, ".tiles b"), strict=True))
    counts = [int(tiles[name]) for name in ("both solve", "A does better", "B does better", "neither solves")]
    table = view.locator("#pairs table")
    assert table.locator("tbody tr").count() > 3
    view.locator("#pairs").get_by_label("B", exact=True).select_option("plain")
    view.get_by_role("button", name="Swap A and B").click()
    swapped = dict(zip(texts(view, ".tiles span"), texts(view, ".tiles b"), strict=True))
    assert "A: plain" in swapped
    assert int(swapped["B does better"]) > int(swapped["A does better"])
    assert sum(counts) <= 60
    view.locator(".flips button").first.click()
    view.wait_for_selector("#tasks .answer")
    assert "#task-" in view.url


@pytest.mark.parametrize("page", PAGES)
def test_a_phone_scrolls_down_only(open_page, usual, page):
    view = open_page(address(usual, page), **PHONE)
    if page == "tasks":
        view.locator(".option").first.click()
        view.wait_for_selector(".answer")
    if page == "figures":
        view.wait_for_selector("#figures .chart svg")
    assert overflow(view) <= 0
    assert view.locator("#tabs a").last.is_visible()


@pytest.mark.parametrize("page", PAGES)
def test_nothing_hostile_runs_or_becomes_markup(open_page, hostile, page):
    view = open_page(address(hostile, page))
    if page == "tasks":
        for place in range(6):
            view.locator(".option").nth(place).click()
            view.wait_for_selector(f".option[aria-selected=true]#option-{place}")
            view.wait_for_selector(".answer")
        assert HOSTILE_REPOSITORY in view.locator("#detail dl").inner_text()
        assert view.locator("#detail dl a").count() == 0
        view.locator("#detail summary").first.click()
    if page == "figures":
        view.wait_for_selector("#figures .chart svg")
    view.wait_for_timeout(200)
    assert view.evaluate(f"window.{MARK}") is None
    assert view.locator("main img, main script, main svg[onload]").count() == 0
    if page == "leaderboard":
        assert set(methods_of_first_table(view)) == set(HOSTILE[:2])


def test_hostile_markup_that_reached_the_page_would_not_run(open_page, hostile):
    view = open_page(address(hostile))
    view.evaluate(
        f"""() => {{ const script = document.createElement("script"); script.textContent = "window.{MARK} = 1";
        document.body.append(script); const image = document.createElement("img");
        image.setAttribute("onerror", "window.{MARK} = 1"); image.src = "data:,"; document.body.append(image); }}"""
    )
    view.wait_for_timeout(200)
    assert view.evaluate(f"window.{MARK}") is None
    assert all("Content Security Policy" in problem for problem in open_page.problems)
    assert open_page.problems
    open_page.problems.clear()


def test_served_page_works_like_the_one_on_the_disk(open_page, usual):
    with report_server([ServedReport(name="out", folder=usual)]) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            root = f"http://127.0.0.1:{server.server_port}"
            index = open_page(f"{root}/", ready="li a")
            index.locator("li a").click()
            index.wait_for_selector("html[data-ready]")
            assert index.url == root + report_address("out")
            view = open_page(f"{root}{report_address('out')}#tasks")
            view.locator(".option").nth(3).click()
            view.wait_for_selector(".answer")
        finally:
            server.shutdown()
            thread.join()


def test_details_that_were_not_copied_are_named(open_page, usual, tmp_path):
    (tmp_path / "report.html").write_bytes((usual / "report.html").read_bytes())
    view = open_page(address(tmp_path, "tasks"))
    view.locator(".option").first.click()
    view.wait_for_selector("#detail [role=alert]")
    assert "must be copied with it" in view.locator("#detail").inner_text()
    assert len(open_page.problems) == 2
    open_page.problems.clear()


def test_details_of_another_report_are_refused(open_page, usual, hostile, tmp_path):
    (tmp_path / "report-details").mkdir()
    (tmp_path / "report.html").write_bytes((usual / "report.html").read_bytes())
    (tmp_path / "report-details" / "0000.js").write_bytes((hostile / "report-details" / "0000.js").read_bytes())
    view = open_page(address(tmp_path, "tasks"))
    view.locator(".option").first.click()
    view.wait_for_selector("#detail [role=alert]")
    assert "belongs to another report" in view.locator("#detail").inner_text()


def test_printed_page_has_the_tables_and_not_the_explorer(open_page, usual):
    view = open_page(address(usual, "tasks"))
    view.emulate_media(media="print")
    assert view.locator("#leaderboard table").first.is_visible()
    assert view.locator("#notes").is_visible()
    assert not view.locator("#tasks").is_visible()
