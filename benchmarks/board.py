"""How long the board takes: to write, and until a reader can use it.

Makes random boards of 10,000 and 100,000 rows, publishes them and opens them in Chromium from a
file. Targets: 10,000 rows written in 5 s and 100,000 in 30 s; with 10,000 rows the page takes less
than 1.5 MB and can be used within 1 s. Arguments, if any, are numbers of corpora (20 rows each).
"""

import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from proxylm import __version__
from proxylm.board.exports import export
from proxylm.board.feed import atom
from proxylm.board.folders import publish_whole
from proxylm.board.site import write_site
from proxylm.board.tables import SAMPLE_COLUMNS, Publication, Tables
from tests.boards import fill
from tests.browser import Page, chromium
from warehouse.board import read_board
from warehouse.database import now
from warehouse.home import Home
from warehouse.loader import load_landing


def main() -> None:
    """Print a line for each size."""
    import pandas as pd

    print("rows      read s (CPU)    page s (CPU)    exports s (CPU)  first page KB  usable s")
    for corpora in map(int, sys.argv[1:] or (500, 5000)):
        with tempfile.TemporaryDirectory() as folder:
            home = Home.create(Path(folder) / "plm")
            load_landing(home)
            fill(home, languages=10, corpora=corpora, metrics=(("mt", "spBLEU"),))
            times = [_clocks()]
            copy = read_board(home)
            tables = Tables(
                **copy.tables, columns=copy.columns, samples=pd.DataFrame(columns=SAMPLE_COLUMNS)
            )
            publication = Publication(copy.name, __version__, now())
            times.append(_clocks())

            def write(
                folder: Path, tables: Tables = tables, publication: Publication = publication
            ) -> None:
                write_site(tables, publication, folder)

            publish_whole(home.site, write)
            times.append(_clocks())
            export(tables, publication, home.site)
            (home.site / "feed.xml").write_bytes(atom(tables, publication))
            times.append(_clocks())
            spent = [
                f"{end[0] - begin[0]:6.1f} ({end[1] - begin[1]:.1f})"
                for begin, end in pairwise(times)
            ]
            size, usable = _open(home.site)
            print(
                f"{len(tables.rows):<8,} {'   '.join(f'{text:13}' for text in spent)}"
                f"  {size / 1000:13.0f}  {usable:8.2f}"
            )


def _clocks() -> tuple[float, float]:
    """Seconds by the clock on the wall and of the processors, which other programs do not slow."""
    return time.perf_counter(), time.process_time()


def _open(site: Path) -> tuple[int, float]:
    """Bytes that the first page loads, and seconds until its table is there (best of three)."""
    with chromium() as browser:
        page = Page(browser, site)
        loaded: set[str] = set()
        page.page.on("request", lambda request: loaded.add(request.url))
        times = []
        for _ in range(3):
            page.page.goto("about:blank")
            loaded.clear()
            page.page.goto(f"file://{site}/index.html#board", wait_until="commit")
            page.page.wait_for_selector("[data-view=board] tbody tr >> nth=5")
            page.page.wait_for_selector("[data-view=board] .filters")
            times.append(page.page.evaluate("performance.now()") / 1000)
            page.page.wait_for_selector("[data-ready=yes]")
        files = (url.removeprefix("file://").partition("?")[0] for url in loaded)
        sizes = [Path(name).stat().st_size for name in files if name.startswith("/")]
        return sum(sizes), min(times)


if __name__ == "__main__":
    main()
