"""The page in a browser: what a reader sees, clicks and links to."""

import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.boards import EVIL
from tests.browser import Page, number

Browse = Callable[..., Page]
MakeSite = Callable[..., Path]
VIEWS = [
    "board", "board?task=mt&metric=spBLEU&rows=settings", "decide", "trust?task=mt&metric=spBLEU",
    "costs?task=mt&metric=spBLEU", "next", "languages", "models", "method", "excluded", "data",
    "language?code=arb_Arab", "model?id=alpha", "model?id=tiny",
]  # fmt: skip


def test_every_view_renders_from_a_file_alone(browse: Browse) -> None:
    page = browse()
    views = [*VIEWS, number(page)]
    assert {view.partition("?")[0] for view in views} == set(
        page.page.evaluate("Object.keys(plm.views)")
    )
    for view in views:
        shown = page.open(view)
        assert shown.locator("h1").count() == 1, view
        text = shown.locator("main").inner_text()
        for slip in ("undefined", "NaN", "[object", "null"):
            assert slip not in text, f"{view}: {slip}"


def test_a_filter_a_search_and_a_sort_are_in_the_address(browse: Browse) -> None:
    page = browse()
    shown = page.open("board?task=mt&metric=spBLEU")
    everything = page.table("Models by language")
    assert len(everything) == 16  # eight languages, two models
    shown.select_option("#filter-model", "alpha")
    assert {row[1] for row in page.table("Models by language")} == {"alpha, fine-tuned"}
    shown.fill("#search", "swahili")
    shown.wait_for_function("() => location.hash.includes('q=swahili')")
    (only,) = page.table("Models by language")
    assert only[0].startswith("Swahili")
    shown.click("text=Show all")
    shown.wait_for_selector("[data-ready=yes]")
    shown.click("thead button:has-text('Observed') >> nth=1")
    first = page.table("Models by language")
    numbers = [float(row[5]) for row in first if row[5] != "–"]
    assert numbers == sorted(numbers, reverse=True)
    assert "sort=-observed" in shown.url

    again = browse()
    again.open(shown.url.partition("#")[2])
    assert again.table("Models by language") == first


def test_a_sort_keeps_what_is_absent_last(browse: Browse) -> None:
    page = browse()
    for sort in ("-observed", "observed"):
        page.open(f"board?task=mt&metric=spBLEU&rows=settings&sort={sort}")
        absent = [row[5] == "–" for row in page.table("Every setting")]
        assert absent == sorted(absent)
        assert any(absent)


def test_an_abstention_gives_its_reason(browse: Browse) -> None:
    page = browse()
    rows = []
    for tab in ("task=mt&metric=spBLEU", "task=intent&metric=accuracy"):
        page.open(f"board?{tab}&rows=settings&status=abstained")
        rows += [row for row in page.table("Every setting") if len(row) > 1]
    assert rows
    for row in rows:
        assert row[3] == row[5] == "–"
        assert "no proxy has been run on this setting" in row[7]


def test_a_number_leads_to_its_run_signature_and_outputs(browse: Browse) -> None:
    page = browse()
    shown = page.open("board?task=mt&metric=spBLEU&rows=settings&status=observed")
    shown.click("tbody td.text a >> nth=0")
    shown.wait_for_selector("[data-view=number][data-ready=yes]")
    text = shown.locator("main").inner_text()
    for fact in ("spBLEU|v:1", "recipe, 42", "p-spBLEU-", "greedy", "tiny, fine-tuned"):
        assert fact in text
    shown.click("summary")
    assert '"seed": 42' in shown.locator("pre").inner_text()


def test_kept_outputs_are_shown(browse: Browse) -> None:
    page = browse()
    page.open(number(page))
    said = page.table("What the model said")
    assert [row[0] for row in said] == ["1", "2", "3"]
    assert said[0][1:] == ["line 0", f"said 0 {EVIL}", "wanted 0"]


def test_decisions_and_the_queue_are_shown(browse: Browse) -> None:
    page = browse()
    shown = page.open("language?code=swh_Latn&task=mt&metric=spBLEU")
    assert "Take beta, fine-tuned. It is the best with a probability of 75\xa0%" in (
        shown.locator("main").inner_text()
    )
    assert page.table("Which model to take")[0][1:3] == ["75\xa0%", "0.50"]
    assert page.table("Fine-tuned beside zero-shot")[0][1:4] == [
        "helps in 2 of 2 settings", "+4.0", "1.0 to 7.0",
    ]  # fmt: skip
    page.open("next")
    assert page.table("Queue")[0][3:6] == [
        "English → Swahili", "corpus0", "Translation, spBLEU",
    ]  # fmt: skip
    assert page.table("Queue")[0][7:10] == ["1.25", "30 min (measured)", "2.50"]
    shown = page.open("trust?task=mt&metric=spBLEU")
    assert "Alarm: forecasts no longer hold" in shown.locator("main").inner_text()
    assert len(page.table("Graded forecasts")) > 0
    verdict = shown.locator(".verdict").first.inner_text()
    assert "off by 3.21 spBLEU (root mean square), most in Swahili: 6.50; guessing" in verdict
    assert "48\xa0% of the test rows share a fine-tuning with training" in verdict


def test_what_another_task_has_is_found_from_here(browse: Browse) -> None:
    page = browse()
    shown = page.open("board?task=mt&metric=spBLEU&q=nothing+like+it")
    shown.click("text=Intents, accuracy >> nth=-1")
    shown.wait_for_selector("[data-ready=yes]")
    assert "task=intent&metric=accuracy" in shown.url
    assert shown.input_value("#search") == "nothing like it"


def test_an_empty_warehouse_says_what_is_missing(browse: Browse, make_site: MakeSite) -> None:
    page = browse(make_site(decided=False, metrics=()) / "site")
    assert "no predictions and no observed scores yet" in page.open().locator("main").inner_text()
    for view in ("decide", "trust", "costs", "excluded"):
        page.open(view)
    assert "queue is empty" in page.open("next").locator("main").inner_text()


def test_scripts_in_names_do_nothing(browse: Browse, make_site: MakeSite) -> None:
    evil = make_site(languages=3, evil=True)
    page = browse(evil / "site")
    model = f"model?{urlencode({'id': f'alpha {EVIL}'})}"
    for view in [*VIEWS[:-3], "language?code=swh_Latn", model, number(page)]:
        shown = page.open(view)
        assert shown.title() != "owned"
        assert shown.locator("main img, main script").count() == 0
    assert EVIL in page.open(model).locator("h1").inner_text()
    licences = {row[3] for row in (page.open("method"), page.table("Texts that scores"))[1]}
    assert licences == {EVIL}
    shown = page.open("trust?task=mt&metric=spBLEU")
    shown.hover(".mark-symbol path >> nth=0", force=True)
    assert shown.title() != "owned"
    page.open("board?task=mt&metric=spBLEU")
    assert any(f"Swahili {EVIL}" in row[0] for row in page.table("Models by language"))
    for name in ("feed.xml", "leaderboard.md"):
        assert "<script" not in (evil / "site" / name).read_text()


def test_names_are_written_as_their_speakers_do(browse: Browse) -> None:
    shown = browse().open("languages")
    arabic = shown.locator("bdi[lang=ar]")
    assert arabic.inner_text() == "العربية"
    assert arabic.get_attribute("dir") == "rtl"
    assert shown.locator("bdi[lang=zh]").get_attribute("dir") == "ltr"


def test_dark_colours_by_the_system_and_by_the_button(browse: Browse) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    dark = browse(color_scheme="dark")
    assert dark.open().evaluate(background) == "rgb(20, 24, 28)"
    shown = browse(color_scheme="light").open("trust?task=mt&metric=spBLEU")
    assert shown.evaluate(background) == "rgb(255, 255, 255)"
    shown.click("#theme")
    assert shown.evaluate(background) == "rgb(20, 24, 28)"


def test_a_phone_is_wide_enough(browse: Browse) -> None:
    page = browse(viewport={"width": 360, "height": 740})
    for view in [*VIEWS, number(page)]:
        width = page.open(view).evaluate("document.documentElement.scrollWidth")
        assert width <= 360, f"{view}: {width}"


def test_a_keyboard_is_enough(browse: Browse) -> None:
    shown = browse().open("board?task=mt&metric=spBLEU")
    shown.keyboard.press("Tab")
    assert shown.evaluate("document.activeElement.className") == "skip"
    shown.focus("thead button:has-text('Predicted')")
    shown.keyboard.press("Enter")
    assert "sort=-predicted" in shown.url


def test_a_newer_publication_is_noticed(browse: Browse, site: Path, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    shutil.copytree(site, folder)
    page = browse(folder)
    shown = page.open("next")
    for path in folder.glob("data/board-*.js"):
        path.write_text(path.read_text().replace("warehouse-0", "warehouse-9", 1))
    shown.evaluate("location.hash = '#board'")
    shown.wait_for_selector("[role=alert]")
    assert "published anew" in shown.locator("[role=alert]").inner_text()
    page.complaints.clear()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_hundred_thousand_rows_can_be_searched_sorted_and_paged(
    browse: Browse, make_site: MakeSite
) -> None:
    page = browse(make_site(languages=10, corpora=5000, metrics=(("mt", "spBLEU"),)) / "site")
    shown = page.open("board?rows=settings")
    assert "100,000 settings" in shown.locator(".found").inner_text()
    shown.click("button:visible:has-text('More')")
    assert len(page.table("Every setting")) == 100
    shown.click("thead button:has-text('Error')")
    errors = [float(row[6].replace("−", "-")) for row in page.table("Every setting")]
    assert errors == sorted(errors, reverse=True)
    shown.fill("#search", "swahili corpus4999")
    shown.wait_for_function("() => document.querySelector('.found').textContent === '2 settings'")
