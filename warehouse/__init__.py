"""The DuckDB warehouse: home folder, lock, migrations, loader and read-only snapshots.

Knows the records of `proxylm.records`; knows nothing of evaluation, prediction or Prefect.
"""
