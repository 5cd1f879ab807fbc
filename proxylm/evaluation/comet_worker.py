"""Runs in COMET's own environment; the contract is in `comet.py`. It imports nothing of ours.

Any Python from 3.8 on: that environment is the user's.
"""

import argparse
import importlib
import json
import os
import sys
from importlib import metadata
from pathlib import Path
from typing import Any, Dict, List  # noqa: UP035


def main() -> None:
    """Score the JSON lines of stdin."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="name on the hub, or a checkpoint file")
    model = parser.parse_args().model
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # libraries print; stdout is for the answer alone
    # Python looks for modules beside this script first, where our comet.py would hide the package.
    here = Path(__file__).resolve().parent
    sys.path[:] = [folder for folder in sys.path if Path(folder).resolve() != here]

    samples = [json.loads(line) for line in sys.stdin.buffer]
    try:
        version = metadata.version("unbabel-comet")
    except metadata.PackageNotFoundError:
        sys.exit(f"unbabel-comet is not installed in the environment of {sys.executable}")
    scores = score(model, samples) if samples else []
    with answer:
        json.dump({"model": model, "version": version, "scores": scores}, answer)


def score(model: str, samples: List[Dict[str, str]]) -> List[float]:  # noqa: UP006
    """Segment scores, on a GPU where there is one."""
    comet: Any = importlib.import_module("comet")
    torch: Any = importlib.import_module("torch")
    checkpoint = model if Path(model).is_file() else comet.download_model(model)
    loaded = comet.load_from_checkpoint(checkpoint)
    gpus = 1 if torch.cuda.is_available() else 0
    found = loaded.predict(samples, batch_size=16, gpus=gpus, num_workers=0, progress_bar=False)
    return [float(value) for value in found.scores]


if __name__ == "__main__":
    main()
