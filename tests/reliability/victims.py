"""What the killed processes do: the program's own stages."""

from pathlib import Path

# Loaded before the fork; the engine and torch load them only when they are needed.
import torch._dynamo  # noqa: F401

import proxylm.evaluation.byte_transformer  # noqa: F401
from proxylm.evaluation.contract import Batch
from proxylm.evaluation.engine import evaluate
from tasks.publish import publish
from tasks.retrain import retrain
from warehouse.backup import back_up
from warehouse.database import writing
from warehouse.home import Home
from warehouse.loader import load_landing
from warehouse.snapshot import publish_snapshot


def load(home: str) -> None:
    load_landing(Home(Path(home)))


def fit(home: str) -> None:
    retrain(home)


def show(home: str) -> None:
    with writing(Home(Path(home)), "publish") as connection:
        publish_snapshot(Home(Path(home)), connection)
    publish(home)


def migrate(home: str) -> None:
    with writing(Home(Path(home)), "migrate"):
        pass


def keep(home: str) -> None:
    back_up(Home(Path(home)))


def work(batch: str, home: str) -> None:
    evaluate(Batch.from_json(batch), Path(home))
