"""The home folder: made private, found, and never mistaken."""

from pathlib import Path

import pytest

from proxylm.errors import UsageError
from warehouse.home import Home


def test_a_home_is_private(tmp_path: Path) -> None:
    home = Home.create(tmp_path / "plm")
    assert home.path.stat().st_mode & 0o777 == 0o700
    assert home.incoming.is_dir()


def test_creating_it_again_keeps_what_is_there(tmp_path: Path) -> None:
    home = Home.create(tmp_path / "plm")
    (home.catalogue / "mine.yaml").write_text("models: []")
    assert Home.create(tmp_path / "plm") == home
    assert (home.catalogue / "mine.yaml").exists()


def test_a_folder_with_other_content_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(UsageError, match="has other content"):
        Home.create(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plm").write_text("x")
    with pytest.raises(UsageError, match="is a file"):
        Home.create(tmp_path / "plm")


def test_finding_a_home_names_the_way_on(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="plm-admin init"):
        Home.find(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="is no ProxyLM home"):
        Home.find(tmp_path)


def test_the_home_is_the_option_then_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = Home.create(tmp_path / "one"), Home.create(tmp_path / "other")
    monkeypatch.setenv("PLM_HOME", str(one.path))
    assert Home.find() == one
    assert Home.find(other.path) == other
