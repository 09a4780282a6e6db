#!/usr/bin/env python3
"""Computes demo/expected.json: what each principal of the demo must see for each query of demo/queries.

    pip install -r demo/requirements.txt
    python3 demo/build_expected.py

An oracle that shares nothing with Lakegate: for each principal it makes a physical copy of the demo data that holds only the
rows and columns, and only the masked values, that the policies of demo/lake leave, and runs the unchanged SQL text on that
copy in DuckDB. The policies are spelled out here once more, by hand, in `principals()`. Masks follow Iceberg's names
(mask-alphanum, show-first-4, show-last-4, mask-to-fixed-value).
"""

import json
import math
import re
import sqlite3
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

DEMO = Path(__file__).resolve().parent
QUERIES = sorted((DEMO / "queries").glob("*.sql"))
SCORECARD = "08_scorecard.sql"
SCORECARD_SCANS = 5
# What 08_scorecard.sql reads of each scan; `month` is a partition column and costs nothing.
SCORECARD_COLUMNS = {"dep_time", "arr_time", "tailnum", "flight", "dep_delay", "arr_delay", "air_time", "distance"}


# ---- masks ------------------------------------------------------------------------------------------------------------


def mask_alphanum(text):
    if text is None:
        return None
    return "".join("n" if c in "0123456789" else c if c in "(),.-@" else "x" for c in text)


def show_first_4(text):
    return None if text is None else text[:4] + mask_alphanum(text[4:])


def show_last_4(text):
    return None if text is None else mask_alphanum(text[:-4]) + text[-4:]


def mask_to_fixed_value(_):
    return "XXXXXXXX"  # for NULL too


# ---- what each principal may see --------------------------------------------------------------------------------------

REFERENCE = ["lake.nyc.weather", "lake.nyc.airports", "crm.main.airlines", "crm.main.planes"]


def principals():
    """principal → table → (row condition, hidden columns, column → mask); a table that is absent does not exist."""
    everything = ("TRUE", [], {})
    reference = {table: everything for table in REFERENCE}
    jfk, carriers = "origin = 'JFK'", "carrier IN ('B6', 'DL')"
    return {
        "jfk-analyst": reference | {
            "lake.nyc.flights": (jfk, [], {}),
            "crm.main.passengers":
                (jfk, [], {"name": mask_to_fixed_value, "email": mask_alphanum, "card": show_last_4}),
        },
        "carrier-analyst": reference | {
            "lake.nyc.flights": (carriers, [], {}),
            "crm.main.passengers": (carriers, ["card"], {"name": show_first_4, "email": mask_alphanum}),
        },
        "steward": reference | {"lake.nyc.flights": everything, "crm.main.passengers": everything},
        "auditor": {},
    }


# ---- the copy ---------------------------------------------------------------------------------------------------------


def raw_tables():
    nyc = DEMO / "data" / "nyc"
    db = duckdb.connect()
    read = lambda sql: db.sql(sql).to_arrow_table()
    tables = {
        "lake.nyc.flights": read(
            f"SELECT * REPLACE (CAST(month AS INTEGER) AS month) "
            f"FROM read_parquet('{nyc}/flights/*/*.parquet', hive_partitioning = true)"),
        "lake.nyc.weather": read(f"SELECT * FROM read_csv('{nyc}/weather/*/*.csv', hive_partitioning = true)"),
        "lake.nyc.airports": read(f"SELECT * FROM read_json('{nyc}/airports/airports.ndjson', format = 'newline_delimited')"),
    }
    crm = sqlite3.connect(f"file:{DEMO}/data/crm.sqlite?mode=ro", uri=True)
    types = {"INTEGER": pa.int64(), "TEXT": pa.string()}
    for table in ["airlines", "planes", "passengers"]:
        declared = [(row[1], types[row[2]]) for row in crm.execute(f"PRAGMA table_info({table})")]
        columns = zip(*crm.execute(f"SELECT * FROM {table} ORDER BY rowid"))
        arrays = [pa.array(values, type) for values, (_, type) in zip(columns, declared)]
        tables[f"crm.main.{table}"] = pa.table(arrays, names=[name for name, _ in declared])
    return tables


def governed_copy(raw, policies):
    db = duckdb.connect()
    db.execute("ATTACH ':memory:' AS lake; ATTACH ':memory:' AS crm; CREATE SCHEMA lake.nyc")
    for name, (rows, hidden, masks) in policies.items():
        db.register("raw", raw[name])
        table = db.sql(f"SELECT * FROM raw WHERE {rows}").to_arrow_table()  # rows by raw values, cells after that
        db.unregister("raw")
        table = table.drop_columns(hidden)
        for column, mask in masks.items():
            values = pa.array([mask(value) for value in table[column].to_pylist()], pa.string())
            table = table.set_column(table.column_names.index(column), column, values)
        db.register("governed", table)
        db.execute(f"CREATE TABLE {name} AS SELECT * FROM governed")
        db.unregister("governed")
    return db


# ---- results ----------------------------------------------------------------------------------------------------------


def run(db, sql):
    try:
        result = db.execute(sql)
    except duckdb.CatalogException:
        return {"error": "TABLE_NOT_FOUND"}
    except duckdb.BinderException:
        return {"error": "COLUMN_NOT_FOUND"}
    columns = [entry[0] for entry in result.description]
    types = [str(entry[1]) for entry in result.description]
    rows = [[to_json(value, type) for value, type in zip(row, types)] for row in result.fetchall()]
    check_rounding(db, sql, columns, types, rows)
    return {"columns": columns, "rows": rows}


def to_json(value, type):
    """64-bit integers and decimals are strings, all else is what JSON has."""
    if value is not None and (type in ("BIGINT", "HUGEINT") or type.startswith("DECIMAL")):
        return str(value)
    return value


def check_rounding(db, sql, columns, types, rows):
    """A rounded average must not lie so near to a tie that two right engines could differ."""
    raw = db.execute(re.sub(r"round\((avg\((?:[^()]|\([^()]*\))*\)), 1\)", r"\1", sql)).fetchall()
    for exact_row, row in zip(raw, rows, strict=True):
        for exact, value, column, type in zip(exact_row, row, columns, types):
            if type == "DOUBLE" and exact is not None:
                assert abs(abs(exact * 10) % 1 - 0.5) > 1e-6, f"{column}: {exact} is near a tie"
                assert float(Decimal(exact).quantize(Decimal("0.1"), ROUND_HALF_UP)) == value, (column, exact, value)
                assert math.copysign(1, value) == 1 or value != 0, f"{column} is a negative zero"


def check_total_order(db, sql, result):
    """Every query must have one right answer: the same rows in the same order from differently ordered tables."""
    for name, in db.execute("SELECT database_name||'.'||schema_name||'.'||table_name FROM duckdb_tables()").fetchall():
        db.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM {name} ORDER BY hash({name.split('.')[-1]}::VARCHAR)")
    assert run(db, sql) == result, f"the order of {sql} is not total"


def scorecard_bytes():
    """Compressed column chunks of all five scans, without footers: no right meter shows the steward less."""
    total = 0
    for path in (DEMO / "data" / "nyc" / "flights").glob("*/*.parquet"):
        meta = pq.ParquetFile(path).metadata
        for group in (meta.row_group(i) for i in range(meta.num_row_groups)):
            for column in (group.column(i) for i in range(meta.num_columns)):
                if column.path_in_schema in SCORECARD_COLUMNS:
                    total += column.total_compressed_size
    return total * SCORECARD_SCANS


def main():
    raw = raw_tables()
    cases = []
    for principal, policies in principals().items():
        db = governed_copy(raw, policies)
        for path in QUERIES:
            sql = path.read_text()
            case = {"query": path.name, "principal": principal} | run(db, sql)
            if path.name == SCORECARD and principal == "steward":
                case["min_scanned_bytes"] = scorecard_bytes()
                assert case["min_scanned_bytes"] >= 12_000_000
            cases.append(case)
        for path, case in zip(QUERIES, cases[-len(QUERIES):]):
            if "rows" in case:
                check_total_order(db, path.read_text(), {k: case[k] for k in ("columns", "rows")})
    cases.sort(key=lambda case: case["query"])
    (DEMO / "expected.json").write_text(to_text(cases))
    for case in cases:
        print(case["query"], case["principal"], case.get("error") or f"{len(case['rows'])} rows")


def to_text(cases):
    """One case per paragraph and one row per line, so that a change of the data reads well as a diff."""
    dump = lambda value: json.dumps(value, ensure_ascii=False)
    paragraphs = []
    for case in cases:
        members = [f"{dump(k)}: {dump(v)}" for k, v in case.items() if k != "rows"]
        if "rows" in case:
            rows = ",\n   ".join(dump(row) for row in case["rows"])
            members.append(f'"rows": [\n   {rows}]')
        paragraphs.append(" {" + ",\n  ".join(members) + "}")
    return "[\n" + ",\n".join(paragraphs) + "\n]\n"


if __name__ == "__main__":
    main()
