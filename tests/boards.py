"""Warehouses for tests of the board: small, random, with something in every table."""

import hashlib
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.database import transaction, writing
from warehouse.home import Home
from warehouse.snapshot import publish_snapshot

LANGUAGES = {
    "swh_Latn": "Swahili",
    "arb_Arab": "Arabic",
    "heb_Hebr": "Hebrew",
    "zho_Hans": "Chinese",
    "amh_Ethi": "Amharic",
    "fra_Latn": "French",
    "rus_Cyrl": "Russian",
    "kat_Geor": "Georgian",
    "hin_Deva": "Hindi",
    "fin_Latn": "Finnish",
}
START = datetime(2027, 1, 1)
EVIL = """<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>'"|`"""


def fill(
    home: Home,
    seed: int = 0,
    languages: int = 6,
    corpora: int = 2,
    model_names: tuple[str, ...] = ("alpha", "beta"),
    evil: bool = False,
    metrics: tuple[tuple[str, str], ...] = (("mt", "spBLEU"), ("intent", "accuracy")),
    decided: bool = True,
) -> None:
    """Put a random board into the warehouse and publish the copy.

    Each estimated model is observed in some settings, predicted in most, and abstains in a few; a
    proxy is known in all. With `evil` the names from outside try to run scripts.
    """
    rng = np.random.default_rng(seed)
    names = dict(list(LANGUAGES.items())[:languages])
    if evil:
        names["swh_Latn"] = f"Swahili {EVIL}"
        model_names = (f"alpha {EVIL}", *model_names[1:])
    texts = [f"corpus{i}{' ' + EVIL if evil else ''}" for i in range(corpora)]
    tables: dict[str, list[dict[str, Any]]] = {}

    def add(table: str, **row: Any) -> None:
        tables.setdefault(table, []).append(row)

    for code, name in {**names, "eng_Latn": "English", "isl_Latn": "Icelandic"}.items():
        add("languages", language=code, name=name, script=code[4:], script_assumed=False,
            spelling=code, source="test")  # fmt: skip
        add("language_facts", language=code, fact="family", label="A family", imputed=False,
            source="test", licence="test")  # fmt: skip
    for model, proxy, estimated, size in [
        ("tiny", ["fine_tuned"], [], 10_000_000),
        *((name, [], ["fine_tuned"], 10**9 * (i + 1)) for i, name in enumerate(model_names)),
    ]:
        add("models", model_id=model, revision="r1", architecture="encoder", n_parameters=size,
            proxy_modes=proxy, estimated_modes=estimated, source="test")  # fmt: skip
        add("model_languages", model_id=model, language="swh_Latn", relation="pre_training",
            source="test", licence="test")  # fmt: skip
    for text in texts:
        add("corpora", corpus_id=text, source_lang="eng_Latn", target_lang="eng_Latn",
            fingerprint="f", task="mt", licence=EVIL if evil else "CC0", source="test")  # fmt: skip
    for task, metric in metrics:
        for model in model_names:
            add("predictors", predictor_id=f"p-{metric}-{model}", task=task, metric=metric,
                model_id=model, mode="fine_tuned", input_set="proxies", feature_set="plm-1",
                regressor="lightgbm", n_rows=50, signature='{"seed": 42}', path="predictors/p",
                wall_seconds=1.0, made_at=START)  # fmt: skip
            add("champions", predictor_id=f"p-{metric}-{model}", task=task, metric=metric,
                model_id=model, mode="fine_tuned", regressor="lightgbm", reason="the first",
                since=START)  # fmt: skip
            for protocol, regressor, statistic, value in [
                ("lolo", "lightgbm", "rmse", 3.21), ("lolo", "train-mean", "rmse", 9.5),
                ("lolo", "best one-proxy line", "rmse", 5.0), ("lolo", "lightgbm", "coverage", 0.9),
                ("lolo", "lightgbm", "shared_run_group", 0.475),
                ("lolo", "lightgbm", "coverage:0.5", 0.55),
                ("lolo", "lightgbm", "rmse:swh_Latn", 6.5),
                ("lolo", "lightgbm", "coverage:0.9", 0.9),
            ]:  # fmt: skip
                add("predictor_quality", predictor_id=f"p-{metric}-{model}", protocol=protocol,
                    regressor=regressor, statistic=statistic, value=value, n_rows=50,
                    n_folds=6)  # fmt: skip
        for code in names:
            for text in texts:
                _setting(add, rng, home, task, metric, code, text, model_names, decided)
    if decided:
        add("recommendations", rank=1, task="mt", metric="spBLEU", model_id=model_names[0],
            mode="fine_tuned", role="estimated", run_group="g", source_lang="eng_Latn",
            target_lang="swh_Latn", train_corpus=texts[0], train_size=100, test_corpus=texts[0],
            settings=3, expected_error_drop=1.25, device_seconds=1800.0, cost_basis="measured",
            drop_per_hour=2.5, reason=EVIL if evil else "wide interval", made_at=START)  # fmt: skip
        add("drift_checks", task="mt", metric="spBLEU", model_id=model_names[0], mode="fine_tuned",
            language="*", n_forecasts=20, coverage=0.5, evidence=30.0, threshold=20.0, alarm=True,
            since=START, made_at=START)  # fmt: skip
    _write(home, tables)


def _setting(
    add: Any, rng: Any, home: Home, task: str, metric: str, code: str, text: str,
    model_names: tuple[str, ...], decided: bool,
) -> None:  # fmt: skip
    key = hashlib.sha256(f"{task}{code}{text}".encode()).hexdigest()
    add("settings", setting_key=key, task=task, source_lang="eng_Latn", target_lang=code,
        train_corpus=text, train_size=1000, test_corpus=text,
        run_group=f"{code}{text}")  # fmt: skip
    truth = float(rng.uniform(10, 90))
    _score(add, "tiny", key, task, metric, code, text, round(truth - 8, 2), 2.0)
    for i, model in enumerate(model_names):
        value, draw = round(truth + 5 * i + float(rng.normal(0, 4)), 4), rng.random()
        if draw < 0.7:
            seconds = 20.0 if rng.random() < 0.8 else None
            path = _hypotheses(home, f"e-{metric}-{key}-{i}") if draw < 0.1 else None
            _score(add, model, key, task, metric, code, text, value, seconds, path, i)
        predicted, forecast = round(value + float(rng.normal(0, 3)), 6), bool(rng.random() < 0.3)
        abstains = draw > 0.95
        add("predictions", prediction_id=f"q-{metric}-{key}-{i}",
            predictor_id=f"p-{metric}-{model}", setting_key=key,
            kind="forecast" if forecast or draw >= 0.7 else "out_of_fold",
            protocol=None if forecast or draw >= 0.7 else "lolo",
            value=None if abstains else predicted, lower=None if abstains else predicted - 5,
            upper=None if abstains else predicted + 5, level=None if abstains else 0.9,
            status="abstained" if abstains else "predicted",
            reason="no proxy has been run on this setting" if abstains else None,
            made_at=START - timedelta(days=1))  # fmt: skip
        if decided:
            add("decisions", setting_key=key, metric=metric, model_id=model, mode="fine_tuned",
                value=value, basis="observed" if draw < 0.7 else "predicted",
                probability_best=[0.25, 0.75][i % 2], expected_regret=[2.5, 0.5][i % 2],
                n_models=2, missing_models=["gamma"], made_at=START)  # fmt: skip
            add("fine_tune_gains", setting_key=key, metric=metric, model_id=model, zero_shot=value,
                fine_tuned=value + 4, basis="predicted", gain=4.0, lower=1.0, upper=7.0, level=0.9,
                probability_gain=0.95, made_at=START)  # fmt: skip


def _score(
    add: Any, model: str, key: str, task: str, metric: str, code: str, text: str, value: float,
    seconds: float | None, hypotheses: str | None = None, i: int = 9,
) -> None:  # fmt: skip
    run, evaluation = f"r-{metric}-{key}-{i}", f"e-{metric}-{key}-{i}"
    add("runs", run_id=run, training_key=run, model_id=model, revision="r1", mode="fine_tuned",
        recipe="recipe", seed="42", train_corpus=text, train_fingerprint="f", train_size=1000,
        languages=["eng_Latn", code], origin="measured", source="test", status="completed",
        device="cpu", started_at=START, wall_seconds=seconds, code_revision="abc")  # fmt: skip
    add("evaluations", evaluation_key=evaluation, training_key=run, run_id=run, task=task,
        source_lang="eng_Latn", target_lang=code, test_corpus=text, test_fingerprint="f",
        split_version="1", decoding="greedy", precision="fp32", backend="torch", n_segments=100,
        wall_seconds=seconds, hypotheses=hypotheses, origin="measured")  # fmt: skip
    add("scores", score_key=f"s-{metric}-{key}-{i}", evaluation_key=evaluation, metric=metric,
        value=max(value, 0.0), half_width=1.5, half_width_method="bootstrap", n_segments=100,
        signature=f"{metric}|v:1", origin="measured", source="test",
        loaded_at=START + timedelta(days=i))  # fmt: skip


def _hypotheses(home: Home, evaluation: str) -> str:
    folder = home.runs / evaluation
    folder.mkdir(parents=True)
    rows = [
        {
            "evaluation_key": evaluation,
            "segment": i,
            "source": f"line {i}",
            "hypothesis": f"said {i} {EVIL}",
            "reference": f"wanted {i}",
        }
        for i in range(5)
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "hypotheses.parquet")
    return (folder / "hypotheses.parquet").relative_to(home.path).as_posix()


def _write(home: Home, tables: dict[str, list[dict[str, Any]]]) -> None:
    with writing(home, "test") as connection:
        with transaction(connection):
            for name, rows in tables.items():
                connection.register("made", pa.Table.from_pylist(rows))
                connection.execute(f"INSERT INTO {name} BY NAME SELECT * FROM made")
        publish_snapshot(home, connection)
