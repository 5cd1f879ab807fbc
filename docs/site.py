"""What the site has beside the files of docs/: README as its front page, a list of decisions.

A hook of ProperDocs (`properdocs.yml`); nothing else imports it.
"""

import re
from pathlib import Path
from typing import Any

from properdocs.structure.files import File, Files

DOCS = Path(__file__).resolve().parent


def on_files(files: Files, config: Any) -> Files:
    """Add the two pages that are made here."""
    for name, text in {"index.md": front_page(), "decisions/index.md": decisions_page()}.items():
        files.append(File.generated(config, name, content=text))
    return files


def front_page() -> str:
    """README, with links as they are from inside docs/."""
    text = (DOCS.parent / "README.md").read_text("utf-8")
    return text.replace("](docs/decisions/)", "](decisions/index.md)").replace("](docs/", "](")


def decisions_page() -> str:
    """The decisions by number."""
    lines = ["# Decisions", ""]
    for path in sorted(DOCS.glob("decisions/[0-9]*.md")):
        title = path.read_text("utf-8").partition("\n")[0].removeprefix("# ")
        lines.append(f"* [{re.sub(r'[][]', '', title)}]({path.name})")
    return "\n".join(lines) + "\n"
