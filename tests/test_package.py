"""The wheel, as `pipx install` would have it: without the checkout, with all of its data."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.release import write_release

CHECKOUT = Path(__file__).resolve().parents[1]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def run(*command: str | Path, cwd: Path) -> str:
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PLM_HOME")}
    done = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_works_where_there_is_no_checkout(tmp_path: Path) -> None:
    source = tmp_path / "source"
    run("git", "clone", "--quiet", CHECKOUT, source, cwd=tmp_path)
    pip = [sys.executable, "-m", "pip", "--quiet"]
    run(*pip, "wheel", "--no-deps", "--wheel-dir", tmp_path, source, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path)
    python = tmp_path / "venv" / "bin" / "python"
    run(python, "-m", "pip", "--quiet", "install", "--no-deps", wheel, cwd=tmp_path)
    # The dependencies come from this environment, the project from the wheel alone.
    packages = run(
        python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path
    )
    (Path(packages.strip()) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")

    command = tmp_path / "venv" / "bin" / "plm-admin"
    where = run(python, "-c", "import cli.main; print(cli.main.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(tmp_path / "venv")
    assert "refresh" in run(command, "--help", cwd=tmp_path)
    run(command, "init", "--home", tmp_path / "home", "--catalogue", "paper", cwd=tmp_path)
    assert (tmp_path / "home" / "catalogue" / "paper.yaml").is_file()
    (tmp_path / "records").mkdir()
    write_release(tmp_path / "records")
    run(command, "import-records", "records", "--home", "home", cwd=tmp_path)
    assert "nllb-1.3b" in run(command, "leaderboard", "--home", "home", cwd=tmp_path)
    run(command, "doctor", "--home", "home", cwd=tmp_path)
    tracked = run("git", "ls-files", "proxylm/data", "warehouse/migrations", "proxylm/board",
                  cwd=CHECKOUT).split()  # fmt: skip
    assert [name for name in tracked if not (Path(packages.strip()) / name).is_file()] == []
