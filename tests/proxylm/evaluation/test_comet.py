"""The contract with COMET's own environment, with real programs that keep it or break it."""

import sys
import time
from pathlib import Path

import pytest

from proxylm.errors import ProxyLMError, UsageError
from proxylm.evaluation.comet import Comet, Segment
from tests.scorer import OVERLAP, program

SEGMENTS = [
    Segment("ein Haus", "a house", "a house"),
    Segment("zwei Häuser", "two mice", "two houses"),
    Segment("drei", "four", "three"),
]


@pytest.fixture(autouse=True)
def no_comet(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PLM_COMET_PYTHON", "PLM_COMET_MODEL", "PLM_COMET_SECONDS"):
        monkeypatch.delenv(name, raising=False)


def test_the_mean_of_the_segment_scores_with_its_half_width(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PLM_COMET_PYTHON", program(tmp_path, OVERLAP))
    comet = Comet.from_environment()
    assert comet is not None
    found = comet.measure(SEGMENTS)
    # 1, 1/3 and 0: mean 4/9, standard deviation 0.509175
    assert found.value == pytest.approx(4 / 9)
    assert found.half_width == pytest.approx(1.959964 * 0.509175 / 3**0.5, rel=1e-4)
    assert found.signature == "comet|model:Unbabel/wmt22-comet-da|nrefs:1|version:1.5"
    assert found.signature == comet.signature()
    assert (found.metric, found.n_segments) == ("comet", 3)
    assert comet.measure(SEGMENTS[:1]).half_width is None


def test_sets_are_scored_by_one_start_and_each_gets_its_own_mean(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    comet = Comet(program(tmp_path, f"open({str(starts)!r}, 'a').write('x')\n{OVERLAP}"))
    found = comet.measure_all([SEGMENTS[:1], SEGMENTS[1:]])
    assert [m.value for m in found] == pytest.approx([1, 1 / 6])
    assert [m.n_segments for m in found] == [1, 2]
    assert starts.read_text() == "x"


def test_without_an_environment_there_is_no_comet() -> None:
    assert Comet.from_environment() is None


def test_another_model_is_another_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Comet("python", "/models/wmt22-comet-da/checkpoints/model.ckpt").metric == "comet"
    assert Comet("python", "Unbabel/XCOMET-XL").metric == "comet-XCOMET-XL"
    monkeypatch.setenv("PLM_COMET_PYTHON", "python")
    monkeypatch.setenv("PLM_COMET_SECONDS", "soon")
    with pytest.raises(UsageError, match="PLM_COMET_SECONDS is 'soon'"):
        Comet.from_environment()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("sys.exit('no memory left')", r"exit code 1 and said 'no memory left'"),
        ("os.kill(os.getpid(), 9)", r"signal 9"),
        ("print('loading the model')", r"wrote 'loading the model\\n', not one JSON object"),
        ("print('[]')", r"not one JSON object"),
        ("print(json.dumps({'model': 'm', 'version': '1', 'scores': [1]}))", r"1 scores for 3 seg"),
        (
            "print(json.dumps({'model': 'm', 'version': '1', 'scores': [1, 2, float('nan')]}))",
            r"2 scores for 3 segments",
        ),
        ("print(json.dumps({'version': '1', 'scores': [1, 2, 3]}))", r"not one JSON object"),
    ],
)
def test_a_broken_scorer_says_what_is_wrong(tmp_path: Path, body: str, message: str) -> None:
    with pytest.raises(ProxyLMError, match=message) as raised:
        Comet(program(tmp_path, body)).measure(SEGMENTS)
    assert len(str(raised.value).splitlines()) == 1
    assert "COMET" in str(raised.value)


def test_a_python_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(ProxyLMError, match=r"PLM_COMET_PYTHON is .*/none, which cannot be started"):
        Comet(str(tmp_path / "none")).measure(SEGMENTS)


def alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "zombie" not in status.read_text()


def test_a_hanging_scorer_is_killed_with_what_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    body = (
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nchild = os.fork()\n"
        f"open({str(pids)!r}, 'a').write(f'{{os.getpid()}} ')\ntime.sleep(600)\n"
    )
    begun = time.monotonic()
    with pytest.raises(ProxyLMError, match=r"more than 1\.5 seconds .* PLM_COMET_SECONDS"):
        Comet(program(tmp_path, body), seconds=1.5).measure(SEGMENTS)
    assert time.monotonic() - begun < 10
    started = [int(pid) for pid in pids.read_text().split()]
    assert len(started) == 2
    while any(map(alive, started)) and time.monotonic() - begun < 20:
        time.sleep(0.05)  # the kernel needs a moment to bury the child
    assert not any(map(alive, started))


def test_the_worker_says_where_comet_is_not_installed() -> None:
    with pytest.raises(ProxyLMError, match="unbabel-comet is not installed in the environment of"):
        Comet(sys.executable).measure(SEGMENTS)


def test_the_worker_uses_the_package_of_its_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The interface is that of unbabel-comet 2.2.7; the scores are lengths of the hypotheses."""
    package = tmp_path / "comet"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from types import SimpleNamespace\n"
        "print('a library that talks')\n"
        "def download_model(name): return f'/cache/{name}/model.ckpt'\n"
        "class Model:\n"
        "    def predict(self, samples, batch_size, gpus, num_workers, progress_bar):\n"
        "        return SimpleNamespace(scores=[len(s['mt']) / 100 for s in samples])\n"
        "def load_from_checkpoint(path):\n"
        "    assert path == '/cache/Unbabel/wmt22-comet-da/model.ckpt', path\n"
        "    return Model()\n"
    )
    (tmp_path / "torch.py").write_text(
        "from types import SimpleNamespace\ncuda = SimpleNamespace(is_available=lambda: False)\n"
    )
    metadata = tmp_path / "unbabel_comet-2.2.7.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Name: unbabel-comet\nVersion: 2.2.7\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = Comet(sys.executable).measure(SEGMENTS)
    assert found.value == pytest.approx((7 + 8 + 4) / 300)
    assert found.signature.endswith("|version:2.2.7")
