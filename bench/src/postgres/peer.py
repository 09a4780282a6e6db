"""DuckDB's PostgreSQL scanner, for the benchmark: `peer.py load FILE` fills the table, `peer.py` answers each line of standard input.

Needs the packages duckdb and duckdb-extension-postgres-scanner. The server is that of LAKEGATE_TEST_PG_*.
"""

import os
import sys
import time
from pathlib import Path

import duckdb
import duckdb_extension_postgres_scanner as scanner


def connect() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET enable_progress_bar = false")
    connection.execute("SET threads = ?", [os.cpu_count()])
    extension = next(Path(scanner.__file__).parent.rglob("*.duckdb_extension"))
    connection.execute(f"LOAD '{extension}'")
    names = {"host": "HOST", "port": "PORT", "dbname": "DATABASE", "user": "USER", "password": "PASSWORD"}
    text = " ".join(f"{name}={os.environ['LAKEGATE_TEST_PG_' + variable]}" for name, variable in names.items())
    connection.execute(f"ATTACH '{text} sslmode=disable' AS pg (TYPE postgres)")
    return connection


def main() -> None:
    connection = connect()
    if sys.argv[1:2] == ["load"]:
        connection.execute("DROP TABLE IF EXISTS pg.public.lineitem")
        connection.execute(f"CREATE TABLE pg.public.lineitem AS FROM read_parquet('{sys.argv[2]}')")
        return
    for line in sys.stdin:
        started, rows = time.perf_counter(), 0
        for batch in connection.execute(line).to_arrow_reader(100_000):
            rows += batch.num_rows
        print(rows, time.perf_counter() - started, flush=True)


main()
