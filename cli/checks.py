"""Arguments that several commands take, checked before anything else happens."""

from typing import TYPE_CHECKING

from proxylm.errors import UsageError

if TYPE_CHECKING:
    from warehouse.home import Home


def check_task(task: str | None) -> None:
    """Raises UsageError for a task that does not exist."""
    from proxylm.records import TASKS

    if task is not None and task not in TASKS:
        raise UsageError(f"unknown task {task!r}; use one of {', '.join(TASKS)}")


def check_model(home: "Home", model: str | None) -> None:
    """Raises UsageError, with the nearest names, for a model that is not in the warehouse."""
    from proxylm.catalogue import did_you_mean
    from warehouse.frames import read_models

    if model is None:
        return
    known = sorted({m.model_id for m in read_models(home)})
    if model not in known:
        raise UsageError(
            f"unknown model {model!r}{did_you_mean(model, known) or ';'} "
            "`plm-admin list models` shows them"
        )


def check_catalogue_model(home: "Home", model: str | None) -> None:
    """Raises UsageError, with the nearest names, for a model that is not in the catalogue."""
    from proxylm.catalogue import did_you_mean, read_catalogue

    known = sorted(entry.id for entry in read_catalogue(home.catalogue).models)
    if model is not None and model not in known:
        raise UsageError(
            f"the catalogue has no model {model!r}{did_you_mean(model, known) or ';'} "
            "`plm-admin add-model` adds one"
        )
