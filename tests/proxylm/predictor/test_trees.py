"""A machine without the OpenMP library that LightGBM is linked with."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="libgomp.so.1 is Linux's")

FIT = """
import numpy as np, sys
from proxylm.predictor.trees import lightgbm
data = lightgbm.Dataset(np.arange(100.0)[:, None], np.arange(100.0))
print(lightgbm.train({"verbose": -1}, data, 5).predict([[99.0]])[0] > 50, "torch" in sys.modules)
"""
NO_TORCH = "import importlib.util as u; u.find_spec = lambda name: None\n"


def without_openmp(folder: Path, program: str) -> "subprocess.CompletedProcess[str]":
    """Run the program where the loader finds an empty file in the place of the library."""
    (folder / "libgomp.so.1").touch()
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "LD_LIBRARY_PATH": str(folder)},
        capture_output=True,
        text=True,
    )


def test_lightgbm_itself_cannot_be_loaded_there(tmp_path: Path) -> None:
    assert "libgomp.so.1" in without_openmp(tmp_path, "import lightgbm").stderr


def test_it_takes_the_library_that_pytorch_brings(tmp_path: Path) -> None:
    done = without_openmp(tmp_path, FIT)
    assert done.stdout == "True False\n", done.stderr


def test_without_either_the_error_names_the_package(tmp_path: Path) -> None:
    said = without_openmp(tmp_path, NO_TORCH + FIT).stderr.splitlines()[-1]
    assert said.startswith("proxylm.errors.ProxyLMError: LightGBM cannot be loaded: ")
    assert "libgomp1" in said
