"""ProxyLM Ops: predict how well a large language model scores on a language it was not run on.

This package is the method as a library. It knows nothing of Prefect, DuckDB or Typer.
"""

__version__ = "0.1.0"
