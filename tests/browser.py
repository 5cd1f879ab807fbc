"""A page of a board in headless Chromium, for tests and measurements."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def chromium_path() -> str | None:
    """The system's Chromium."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def chromium() -> Iterator[Any]:
    """A headless browser; needs playwright and a Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=chromium_path(), args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


class Page:
    """A page of the site in a folder, which notes what the browser complains of."""

    def __init__(self, browser: Any, site: Path, **options: Any) -> None:
        options.setdefault("viewport", {"width": 1280, "height": 900})
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.site = site
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._said)
        self.page.on("requestfailed", lambda request: self.complaints.append(request.url))
        self.page.on("request", self._asked)

    def _said(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _asked(self, request: Any) -> None:
        if not request.url.startswith(("file:", "data:", "about:")):
            self.complaints.append(f"asked for {request.url}")

    def open(self, address: str = "board") -> Any:
        """Show a view and wait until it is whole; returns playwright's page."""
        self.page.goto("about:blank")
        self.page.goto(f"file://{self.site}/index.html#{address}")
        self.page.wait_for_selector("[data-ready=yes]", timeout=30_000)
        self.page.wait_for_function(
            "() => [...document.querySelectorAll('.canvas')].every((one) => one.dataset.drawn)"
        )
        return self.page

    def table(self, caption: str) -> list[list[str]]:
        """The cells of the first table whose caption begins so."""
        found: list[list[str]] = self.page.evaluate(
            """(caption) => {
              const table = [...document.querySelectorAll("table")]
                .find((one) => one.caption.textContent.startsWith(caption));
              const texts = (row) => [...row.cells].map((cell) => cell.innerText);
              return [...table.tBodies[0].rows].map(texts);
            }""",
            caption,
        )
        return found


def number(page: Page) -> str:
    """The address of a number whose outputs were kept, in the site of `page`."""
    scores = "plm.rowsOf((await plm.load(l.file)).scores).find((s) => s.hypotheses && s.preferred)"
    found: str = page.open().evaluate(
        f"async () => {{ for (const l of plm.language.values()) {{ const s = {scores}; if (s) "
        "return plm.href('number', {task: s.task, metric: s.metric, language: s.board_language, "
        "model: s.model_id, mode: s.mode, setting: s.setting_key.slice(0, 16)}).slice(1); } }"
    )
    return found
