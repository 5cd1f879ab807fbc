"""Stage `maintain`: a verified backup, and the data checks."""

from dataclasses import dataclass
from typing import Any

from prefect import task

from proxylm.errors import ProxyLMError
from tasks.settings import LOCK_RETRIES, busy
from warehouse.backup import back_up
from warehouse.database import reading
from warehouse.home import Home


@dataclass(frozen=True)
class Maintained:
    """The backup that was made."""

    backup: str
    scores: int  # rows in it


def maintain(home: str) -> Maintained:
    """Back up the warehouse and check its data.

    Raises ProxyLMError naming the rules that rows break; the backup is made all the same.
    """
    here = Home.find(home)
    backup, manifest = back_up(here)
    with reading(here) as connection:
        broken = connection.execute(
            "SELECT rule, count(*) FROM data_checks GROUP BY rule ORDER BY rule"
        ).fetchall()
    if broken:
        found = "; ".join(f"{rule}: {count} rows" for rule, count in broken)
        raise ProxyLMError(
            f"data checks failed: {found}. `plm-admin sql` on data_checks shows them"
        )
    return Maintained(str(backup), manifest.tables["scores"])


maintain_task: Any = task(name="maintain", retry_condition_fn=busy, **LOCK_RETRIES)(maintain)
