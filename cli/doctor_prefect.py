"""The checks of `plm-admin doctor` that ask a Prefect server, over its HTTP interface.

Looks only at what `prefect.yaml` deploys; knows no warehouse.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

FLOWS = ("refresh", "catalogue", "evaluate", "retrain", "publish", "maintain")
SCHEDULED = ("refresh", "maintain")
"""Without these the board grows old, and there is no backup."""
POOLS = ("plm", "gpu")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_DEPLOY = "`prefect deploy --all` in the checkout, or `make serve`"

Found = tuple[str, bool, str, str]
"""Check, whether it is well, what was found, and the remedy."""


def check_prefect(environment: Mapping[str, str]) -> Iterator[Found]:
    """All findings about the server at PREFECT_API_URL."""
    import httpx

    url = environment.get("PREFECT_API_URL")
    if not url:
        yield "Prefect API", True, "PREFECT_API_URL is not set: flows run on their own", ""
        return
    secret = environment.get("PREFECT_API_AUTH_STRING")
    yield _guarded(url, secret)
    remedy = "start it with `make serve`, or unset PREFECT_API_URL"
    try:
        with httpx.Client(base_url=url, timeout=10, auth=_basic(secret)) as client:
            pools = _ask(client, "work_pools/filter", {})
            deployments = _ask(client, "deployments/filter", {})
            late = _ask(
                client,
                "flow_runs/filter",
                {"flow_runs": {"state": {"name": {"any_": ["Late"]}}}, "limit": 200},
            )
    except httpx.HTTPStatusError as error:
        if error.response.status_code == 401:
            remedy = "set PREFECT_API_AUTH_STRING to the server's"
        yield "Prefect API", False, f"{url}: {error.response.status_code}", remedy
        return
    except (httpx.HTTPError, ValueError) as error:
        yield "Prefect API", False, f"{url}: {error}", remedy
        return
    yield "Prefect API", True, f"{url} answers", ""
    yield from _pools(pools)
    yield from _deployments(deployments)
    start = "is a worker at work? `prefect worker start --pool plm`"
    yield "late runs", not late, f"{len(late)}", start


def _guarded(url: str, secret: str | None) -> Found:
    host = urlsplit(url).hostname or ""
    if host in _LOOPBACK:
        return "Prefect access", True, "the server is on this machine", ""
    found = "with an auth string" if secret else f"{host} is asked without an auth string"
    return "Prefect access", bool(secret), found, "set PREFECT_API_AUTH_STRING; docs/security.md"


def _basic(secret: str | None) -> tuple[str, str] | None:
    """User and password of `user:password`, as Prefect sends them."""
    return None if not secret else (secret.partition(":")[0], secret.partition(":")[2])


def _ask(client: Any, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    answer = client.post(path, json=body)
    answer.raise_for_status()
    found: list[dict[str, Any]] = answer.json()
    return found


def _pools(pools: list[dict[str, Any]]) -> Iterator[Found]:
    known = {pool["name"]: pool for pool in pools}
    for name in POOLS:
        if name not in known:
            yield f"pool {name}", False, "does not exist", f"prefect work-pool create {name}"
            continue
        paused = bool(known[name].get("is_paused"))
        status = "PAUSED" if paused else str(known[name].get("status") or "unknown")
        remedy = f"prefect work-pool resume {name}" if paused else ""
        # Without a worker a pool is not ready; the gpu pool is only needed with PLM_EVALUATE=pool.
        well = not paused and (status != "NOT_READY" or name == "gpu")
        start = f"prefect worker start --pool {name}"
        yield f"pool {name}", well, status.lower().replace("_", " "), remedy or start


def _deployments(deployments: list[dict[str, Any]]) -> Iterator[Found]:
    known = {d["entrypoint"].rpartition(":")[2]: d for d in deployments if d.get("entrypoint")}
    absent = [name for name in FLOWS if name not in known]
    found = f"absent: {', '.join(absent)}" if absent else f"all {len(FLOWS)}"
    yield "deployments", not absent, found, _DEPLOY
    for name in SCHEDULED:
        if name in known:
            active = [s for s in known[name].get("schedules", []) if s.get("active")]
            well = bool(active) and not known[name].get("paused")
            found = f"{len(active)} active" if well else "none active"
            yield f"schedule of {name}", well, found, f"prefect deployment resume {name}/default"
