#!/usr/bin/env python3
"""Loads the tables of demo/data/crm.sqlite into a PostgreSQL: the relational part of `make demo POSTGRES=1`.

    PGHOST=… PGPORT=… PGDATABASE=… PGUSER=… PGPASSWORD=… python3 demo/load_postgres.py [--write-lake PATH]

Needs `psql` and nothing but Python's own library. Everything happens in one transaction; a second run replaces the tables
of schema `main` (airlines, planes, passengers) and touches nothing else. `--write-lake PATH` also writes the lake file
that belongs to this server: demo/relational/postgres.yaml with its host, port and database. It holds no secret; user and
password stay references to PGUSER and PGPASSWORD in the environment of the server.
"""

import argparse
import csv
import io
import os
import sqlite3
import subprocess
from pathlib import Path

DEMO = Path(__file__).resolve().parent

# The names and, with bigint and text, the types that Lakegate gives to the columns of the SQLite file.
DDL = """
CREATE SCHEMA IF NOT EXISTS main;
DROP TABLE IF EXISTS main.airlines, main.planes, main.passengers;
CREATE TABLE main.airlines (carrier text PRIMARY KEY, name text NOT NULL);
CREATE TABLE main.planes (tailnum text PRIMARY KEY, year bigint, type text, manufacturer text, model text, engines bigint,
  seats bigint, engine text);
CREATE TABLE main.passengers (id bigint PRIMARY KEY, year bigint NOT NULL, month bigint NOT NULL, day bigint NOT NULL,
  carrier text NOT NULL, flight bigint NOT NULL, origin text NOT NULL, name text NOT NULL, email text, card text,
  seat text NOT NULL);
"""


def main():
    parser = argparse.ArgumentParser(description="Loads the demo's relational tables into a PostgreSQL.")
    parser.add_argument("--write-lake", metavar="PATH", type=Path, help="write the lake file for this server")
    arguments = parser.parse_args()
    psql = ["psql", "--no-psqlrc", "--quiet", "--no-password", "--set", "ON_ERROR_STOP=1", "--file", "-"]
    environment = os.environ | {"PGCLIENTENCODING": "UTF8"}
    subprocess.run(psql, input=script().encode(), env=environment, check=True)
    if arguments.write_lake:
        arguments.write_lake.write_text(lake_file())


def script():
    db = sqlite3.connect(f"file:{DEMO / 'data' / 'crm.sqlite'}?mode=ro", uri=True)
    parts = ["BEGIN;", "SET LOCAL client_min_messages = warning;", DDL]
    for table in ["airlines", "planes", "passengers"]:
        rows = db.execute(f"SELECT * FROM {table} ORDER BY rowid")
        parts += [f"COPY main.{table} FROM STDIN (FORMAT csv, NULL '\\N');", to_csv(rows) + "\\."]
    parts += ["COMMIT;", "ANALYZE main.airlines, main.planes, main.passengers;", ""]
    return "\n".join(parts)


def to_csv(rows):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([r"\N" if value is None else value for value in row] for row in rows)
    return text.getvalue()


def lake_file():
    """demo/relational/postgres.yaml with the address of this server; psql's defaults where the environment has none."""
    user = os.environ.get("PGUSER", "postgres")
    options = {
        "host": os.environ.get("PGHOST", "127.0.0.1"),
        "port": os.environ.get("PGPORT", "5432"),
        "database": os.environ.get("PGDATABASE", user),
    }
    text = (DEMO / "relational" / "postgres.yaml").read_text()
    default = "{host: 127.0.0.1, port: 5432, database: lakegate_demo, tls: disable}"
    assert default in text
    host, database = (f'"{options[name]}"' for name in ("host", "database"))
    return text.replace(default, f"{{host: {host}, port: {int(options['port'])}, database: {database}, tls: disable}}")


if __name__ == "__main__":
    main()
