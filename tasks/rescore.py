"""Stage `rescore`: metrics from kept hypotheses, without a model."""

from typing import NamedTuple

from prefect import task

from proxylm.errors import UsageError
from proxylm.evaluation.comet import Comet
from proxylm.evaluation.metrics import spm_status
from proxylm.evaluation.rescore import Kept
from proxylm.evaluation.rescore import rescore as compute
from proxylm.landing import write_landing
from proxylm.records import METRICS, Bundle
from tasks.load import load
from tasks.settings import LOCK_RETRIES, busy
from warehouse.database import reading
from warehouse.home import Home


class RescoreReport(NamedTuple):
    """What `rescore` did."""

    read: int  # evaluations whose hypotheses were read
    added: int  # scores that are new in the warehouse
    missing: dict[str, str]  # path of hypotheses, or evaluation, to what is wrong with it
    without_source: int  # evaluations that COMET cannot score: older files have no source
    comet_failed: str | None  # why COMET gave no scores, or not all


def rescore(
    home: str,
    task: str | None = None,
    model: str | None = None,
    metric: str | None = None,
) -> RescoreReport:
    """Compute the scores that evaluations with kept hypotheses lack, and load them.

    Only for `task`, `model` and `metric` where given. COMET takes part where it is configured, see
    `proxylm.evaluation.comet`. Raises UsageError for a metric that does not exist or whose scorer
    or tokenizer is not at hand.
    """
    here = Home.find(home)
    comet = Comet.from_environment()
    _check(metric, comet)
    load(home)
    with reading(here) as connection:
        rows = connection.execute(
            "SELECT e.evaluation_key, e.task, e.target_lang, e.hypotheses FROM evaluations e "
            "JOIN runs r USING (run_id) WHERE e.hypotheses IS NOT NULL "
            "AND (e.task = ? OR ? IS NULL) AND (r.model_id = ? OR ? IS NULL) "
            "ORDER BY e.hypotheses, e.evaluation_key",
            [task, task, model, model],
        ).fetchall()
        present = {key for (key,) in connection.execute("SELECT score_key FROM scores").fetchall()}
    done = compute([Kept(*row) for row in rows], present, here.path, metric, comet)
    added = 0
    if done.scores:
        write_landing(Bundle(scores=done.scores), here.incoming)
        added = load(home).inserted.get("scores", 0)
    return RescoreReport(done.read, added, done.missing, done.without_source, done.comet_failed)


def _check(metric: str | None, comet: Comet | None) -> None:
    if metric is not None and metric not in METRICS:
        raise UsageError(f"unknown metric {metric!r}; use one of {', '.join(METRICS)}")
    if metric == "comet" and comet is None:
        raise UsageError(
            "PLM_COMET_PYTHON is not set; name with it the python of an environment with "
            "unbabel-comet"
        )
    if metric == "spBLEU" and not spm_status().startswith("spBLEU "):
        raise UsageError(spm_status())


rescore_task = task(name="rescore", retry_condition_fn=busy, **LOCK_RETRIES)(rescore)
