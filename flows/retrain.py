"""Flow `retrain`: load what lies in landing, then refit the predictors whose data changed."""

from prefect import flow

from tasks.alerts import alert
from tasks.decide import decide_task
from tasks.features import features_task
from tasks.load import load_task
from tasks.predict import predict_task
from tasks.retrain import Retrained, retrain_task
from tasks.settings import home_path


@flow(name="retrain", on_failure=[alert], on_crashed=[alert])
def retrain(home: str | None = None) -> Retrained:
    """Load, compute features, retrain, predict and decide."""
    path = home_path(home)
    load_task(path)
    features_task(path)
    retrained: Retrained = retrain_task(path)
    predict_task(path)
    decide_task(path)
    return retrained
