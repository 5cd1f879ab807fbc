"""A site appears whole or not at all, and the last few are kept."""

from pathlib import Path

import pytest

from proxylm.board.folders import publish_whole


def write(text: str) -> object:
    return lambda folder: (folder / "index.html").write_text(text)


def test_the_link_leads_to_the_newest_and_the_last_few_are_kept(tmp_path: Path) -> None:
    link = tmp_path / "site"
    for i in range(5):
        publish_whole(link, write(str(i)), keep=2)  # type: ignore[arg-type]
    assert (link / "index.html").read_text() == "4"
    assert [path.name for path in sorted((tmp_path / "sites").iterdir())] == ["000004", "000005"]


def test_a_failure_leaves_the_old_site_and_no_trace(tmp_path: Path) -> None:
    link = tmp_path / "site"
    publish_whole(link, write("old"))  # type: ignore[arg-type]

    def fail(folder: Path) -> None:
        (folder / "index.html").write_text("half")
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        publish_whole(link, fail)
    assert (link / "index.html").read_text() == "old"
    assert len(list((tmp_path / "sites").iterdir())) == 1


def test_a_reader_sees_one_site_at_every_moment(tmp_path: Path) -> None:
    link = tmp_path / "site"

    def check(folder: Path) -> None:
        if link.exists():
            assert (link / "a").read_text() == (link / "b").read_text()
        (folder / "a").write_text(folder.name)
        if link.exists():
            assert (link / "a").read_text() == (link / "b").read_text()
        (folder / "b").write_text(folder.name)

    for _ in range(3):
        publish_whole(link, check)
    assert (link / "a").read_text() == (link / "b").read_text()


def test_a_folder_of_an_older_version_gives_way(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("old")
    publish_whole(tmp_path / "site", write("new"))  # type: ignore[arg-type]
    assert (tmp_path / "site" / "index.html").read_text() == "new"
