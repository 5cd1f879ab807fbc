"""Copies a published site to where others read it: S3-like storage or the Hugging Face hub.

Credentials come from the environment alone, as the clients read them (`AWS_*`, `HF_TOKEN`); so do
other servers (`AWS_ENDPOINT_URL`, `HF_ENDPOINT`). Knows a folder, not what is in it beyond the
files that make the others visible.
"""

import mimetypes
import os
import warnings
from pathlib import Path

from proxylm.errors import ProxyLMError, UsageError

LAST = ("data/start.js", "index.html")
"""Sent after everything they lead to."""

_CARD = """\
---
title: ProxyLM board
sdk: static
configs:
- config_name: leaderboard
  data_files: leaderboard.parquet
---

Predicted beside observed scores of language models. `dictionary.json` says what the columns mean.
"""


def push(folder: Path, destination: str) -> str:
    """Copy the site; returns where to.

    `destination` is `s3://bucket/prefix`, `hf://datasets/owner/name` or `hf://spaces/owner/name`.
    Files that are there and no longer in the site stay; nothing leads to them. Raises UsageError
    for any other destination and ProxyLMError where the copy failed.
    """
    scheme, _, rest = destination.partition("://")
    parts = [part for part in rest.split("/") if part]
    try:
        if scheme == "s3" and parts:
            _to_s3(folder, parts[0], "/".join(parts[1:]))
        elif scheme == "hf" and len(parts) == 3 and parts[0] in ("datasets", "spaces"):
            _to_hub(folder, parts[0][:-1], "/".join(parts[1:]))
        else:
            raise UsageError(
                f"cannot publish to {destination!r}; use s3://bucket/prefix, "
                "hf://datasets/owner/name or hf://spaces/owner/name"
            )
    except ImportError as error:
        raise ProxyLMError(
            f"publishing to {scheme}:// needs {error.name}, which is not installed: "
            "pip install 'proxylm-ops[push]'"
        ) from error
    return destination


def files_in_order(folder: Path) -> list[str]:
    """Paths below `folder`, those that lead to the others last."""
    names = (p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    return sorted(names, key=lambda name: (LAST.index(name) if name in LAST else -1, name))


def _to_s3(folder: Path, bucket: str, prefix: str) -> None:
    import boto3
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client = boto3.client("s3")
        for name in files_in_order(folder):
            kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
            text = kind.startswith("text/") or kind.endswith(("javascript", "json", "xml"))
            client.put_object(
                Bucket=bucket,
                Key=f"{prefix}/{name}" if prefix else name,
                Body=(folder / name).read_bytes(),
                ContentType=f"{kind}; charset=utf-8" if text else kind,
                CacheControl="no-cache",  # a new publication has the same names
            )
    except (BotoCoreError, ClientError, Boto3Error) as error:
        raise ProxyLMError(
            f"copying the board to s3://{bucket}/{prefix} failed: {error}. The board itself is "
            "published; set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, for other storage than "
            "Amazon's, AWS_ENDPOINT_URL, and publish again"
        ) from error


def _to_hub(folder: Path, kind: str, repository: str) -> None:
    import httpx2
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import HfHubHTTPError

    token = os.environ.get("HF_TOKEN")
    if not token:
        raise UsageError("publishing to the hub needs a token with write access in HF_TOKEN")
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"), token=token)
    try:
        api.create_repo(
            repository,
            repo_type=kind,
            space_sdk="static" if kind == "space" else None,
            exist_ok=True,
        )
        operations = [CommitOperationAdd("README.md", _CARD.encode())]
        operations += [
            CommitOperationAdd(name, str(folder / name)) for name in files_in_order(folder)
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a Space with a data file: the page offers it
            api.create_commit(  # one commit: readers see all of it or none
                repository, operations, commit_message="Publish the board", repo_type=kind
            )
    except (HfHubHTTPError, httpx2.HTTPError, ValueError) as error:
        raise ProxyLMError(
            f"copying the board to the hub's {kind} {repository} failed: {error}. The board "
            "itself is published; check HF_TOKEN and the name, and publish again"
        ) from error
