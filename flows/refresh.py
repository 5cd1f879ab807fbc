"""Flow `refresh`, every night: everything in order, from the catalogue to the board."""

from typing import Any

from prefect import flow
from prefect.logging import get_run_logger

from flows.evaluate import run_batches
from tasks.alerts import alert
from tasks.catalogue import catalogue_task
from tasks.decide import decide_task
from tasks.features import features_task
from tasks.load import load_task
from tasks.plan import Wanted, plan_task
from tasks.predict import predict_task
from tasks.publish import publish_task
from tasks.retrain import retrain_task
from tasks.settings import alone, home_path, task_runner


@flow(name="refresh", task_runner=task_runner(), on_failure=[alert], on_crashed=[alert])
def refresh(home: str | None = None, retry_parked: bool = False) -> dict[str, Any]:
    """Fetch, evaluate what is missing, retrain, predict and publish; returns what was done.

    `retry_parked` tries once more what failed so often that it was given up. Raises BusyError where
    another one is at work on this home.
    """
    path = home_path(home)
    with alone(path, "refresh"):
        return _refresh(path, retry_parked)


def _refresh(path: str, retry_parked: bool) -> dict[str, Any]:
    logger = get_run_logger()
    load_task(path)  # what an interrupted refresh left
    fetched = catalogue_task(path)
    logger.info(
        f"catalogue: {fetched.parts} texts ({fetched.fetched} new), {fetched.models} models"
    )
    plan = plan_task(path, Wanted(parked=retry_parked))
    logger.info(
        f"plan: {plan.wanted} evaluations wanted, {plan.present} present, {plan.missing} to make"
    )
    for what, reason in plan.waiting.items():
        logger.warning(f"plan: {what} waits: {reason}")
    for what, reason in plan.parked.items():
        logger.warning(f"plan: {what} is parked: {reason}")
    failures = run_batches(plan.batches, path)
    loaded = load_task(path)
    features = features_task(path)
    logger.info(
        f"load: {loaded.evaluations} evaluations, features of {features.settings} settings; "
        f"{features.imputed} of {features.facts} facts of languages are imputed"
    )
    retrained = retrain_task(path)
    for line in retrained.lines():
        logger.info(f"retrain: {line}")
    forecasts = predict_task(path)
    for predictor, reason in forecasts.unusable.items():
        logger.error(f"predict: {predictor}: {reason}")
    decided = decide_task(path)
    logger.info(
        f"decide: models compared in {decided.settings} settings, {decided.gains} fine-tunings "
        f"judged, {decided.recommended} evaluations recommended"
    )
    for alarm in decided.alarms:
        logger.warning(f"drift: {alarm}")
    published = publish_task(path, always=False)
    same = "" if published.new else ", unchanged"
    logger.info(f"publish: {published.rows} rows, {published.page}{same}")
    return {
        "wanted": plan.wanted,
        "present": plan.present,
        "evaluated": loaded.evaluations,
        "re_evaluated": loaded.repeated,
        "failed_batches": failures,
        "waiting": plan.waiting,
        "parked": plan.parked,
        "rejected_files": loaded.files_rejected,
        "retrained": len(retrained.made),
        "not_fitted": retrained.refused,
        "unusable_predictors": forecasts.unusable,
        "new_predictions": retrained.predictions + forecasts.new,
        "page": published.page,
    }
