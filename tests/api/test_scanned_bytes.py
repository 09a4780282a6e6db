"""Are the scanned bytes of a Parquet query what the file says, as pyarrow reads it? (issue 3, "Must show")

For the row groups left after pruning: the compressed sizes of the chunks of the user's and the policies' columns, plus footer
and 8 bytes for each file that is looked at.
"""

import datetime
import random
import struct
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import key_of

ROWS, GROUP = 20_000, 2_000
LAKE = """
lake: scanned
connections:
  files: {connector: files, options: {root: "./files"}}
catalogs:
  lake: {connection: files, default: true}
databases:
  lake.t: {location: "t/"}
tables:
  lake.t.sales:
    format: parquet
    location: "sales/"
    columns:
      - {name: id, type: bigint}
      - {name: region, type: varchar}
      - {name: ssn, type: varchar}
      - {name: amount, type: "decimal(12,2)"}
      - {name: price, type: double}
      - {name: day, type: date}
      - {name: note, type: varchar}
    filters:
      low: {where: "id < 9000"}
      region: {where: "region IN ('r1', 'r7')", except: [ssn]}
    masks:
      ssn: {last4: {func: show-last-4, rank: 10}}
  lake.t.parts:
    format: parquet
    location: "parts/"
    columns: [{name: id, type: bigint}, {name: note, type: varchar}]
    partitioned_by: [{name: p, type: int}]
    partitions: hive
    filters:
      p: {where: "p <= 1"}
users:
  sue: {}
  rita: {}
  ron: {}
keys:
  sue: {user: sue, secret: "env://SUE"}
  rita: {user: rita, secret: "env://RITA"}
  ron: {user: ron, secret: "env://RON"}
grants:
  - {to: "user:sue", privileges: [select, read-stats], resource: "database:lake.t"}
  - {to: "user:rita", privileges: [read-stats], resource: "database:lake.t"}
  - {to: "user:rita", privileges: [select-filtered], resource: "filter:lake.t.sales/region"}
  - {to: "user:rita", privileges: [select-masked], resource: "mask:lake.t.sales.ssn/last4"}
  - {to: "user:ron", privileges: [read-stats], resource: "database:lake.t"}
  - {to: "user:ron", privileges: [select-filtered], resource: "filter:lake.t.sales/low"}
  - {to: "user:ron", privileges: [select-filtered], resource: "filter:lake.t.parts/p"}
"""


def sales(first: int, rows: int) -> pa.Table:
    dice = random.Random(first)
    ids = list(range(first, first + rows))
    return pa.table({
        "id": pa.array(ids, pa.int64()),
        "region": [f"r{number % 10}" for number in ids],
        "ssn": [f"{dice.randrange(1000):03}-22-{dice.randrange(10000):04}" for _ in ids],
        "amount": pa.array([dice.randrange(10 ** 9) for _ in ids], pa.int64()).cast(pa.decimal128(19, 0)).cast(pa.decimal128(12, 2)),
        "price": [dice.random() if number % 97 else None for number in ids],
        "day": [datetime.date(2020, 1, 1) + datetime.timedelta(number % 700) for number in ids],
        "note": ["".join(dice.choices("abcdef ", k=dice.randrange(40))) for _ in ids],
    })


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("lake")
    (folder / "lake.yaml").write_text(LAKE)
    root = folder / "files/t"
    for name, first, codec in [("a", 0, "snappy"), ("b", ROWS, "zstd")]:
        (root / "sales").mkdir(parents=True, exist_ok=True)
        pq.write_table(sales(first, ROWS), root / f"sales/{name}.parquet", row_group_size=GROUP, compression=codec)
    for number in range(4):
        (root / f"parts/p={number}").mkdir(parents=True)
        table = sales(number * 1000, 1000).select(["id", "note"])
        pq.write_table(table, root / f"parts/p={number}/x.parquet", row_group_size=100)
    return folder


@pytest.fixture(scope="module")
def server(serve, lake):
    return serve([lake / "lake.yaml"], SUE=key_of("sue"), RITA=key_of("rita"), RON=key_of("ron"))


def stored(file: Path, columns: set[str], keep) -> int:
    """Chunks of `columns` in the row groups whose (min, max) of `id` pass `keep`, with footer and its 8 bytes."""
    data = file.read_bytes()
    footer = struct.unpack("<I", data[-8:-4])[0]
    metadata = pq.read_metadata(file)
    total = footer + 8
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        chunks = {group.column(index).path_in_schema: group.column(index) for index in range(group.num_columns)}
        bounds = chunks["id"].statistics
        if keep(bounds.min, bounds.max):
            total += sum(chunks[name].total_compressed_size for name in columns)
    return total


EVERY = {"id", "region", "ssn", "amount", "price", "day", "note"}
ALL = lambda low, high: True  # noqa: E731
CASES = [
    # person, SQL, columns of the user and of the policies, row groups left
    ("sue", "SELECT * FROM sales", EVERY, ALL),
    ("sue", "SELECT id, note FROM sales", {"id", "note"}, ALL),
    ("sue", "SELECT count(amount), max(price) FROM sales", {"amount", "price"}, ALL),
    ("sue", "SELECT region, count(*) FROM sales WHERE note LIKE '%a%' GROUP BY region", {"region", "note"}, ALL),
    ("sue", "SELECT note FROM sales WHERE id >= 35000", {"id", "note"}, lambda low, high: high >= 35000),
    ("sue", "SELECT note FROM sales WHERE id BETWEEN 3000 AND 4500", {"id", "note"}, lambda low, high: high >= 3000 and low <= 4500),
    ("sue", "SELECT sum(amount) FROM sales WHERE id IN (5, 39999)", {"id", "amount"}, lambda low, high: low <= 5 or high >= 39999),
    ("sue", "SELECT id FROM sales ORDER BY price", {"id", "price"}, ALL),
    # The policies' columns count too: `region` for its filter, and a masked column is read as it is.
    ("rita", "SELECT note FROM sales", {"note", "region"}, ALL),
    ("rita", "SELECT ssn FROM sales", {"ssn", "region"}, ALL),
    ("rita", "SELECT count(*) FROM sales", {"region"}, ALL),
    ("rita", "SELECT * FROM sales", EVERY, ALL),
    ("rita", "SELECT price FROM sales WHERE id < 2500", {"id", "price", "region"}, lambda low, high: low < 2500),
    # A policy prunes as a question does.
    ("ron", "SELECT note FROM sales", {"note", "id"}, lambda low, high: low < 9000),
    ("ron", "SELECT count(*) FROM sales", {"id"}, lambda low, high: low < 9000),
    ("ron", "SELECT note FROM sales WHERE id > 5000", {"note", "id"}, lambda low, high: low < 9000 and high > 5000),
]


@pytest.mark.parametrize(("person", "sql", "columns", "keep"), CASES, ids=[f"{case[0]}: {case[1]}" for case in CASES])
def test_scanned_bytes_are_those_of_the_file(server, lake, person, sql, columns, keep):
    expected = sum(stored(file, columns, keep) for file in sorted((lake / "files/t/sales").glob("*.parquet")))
    for _ in range(2):  # with cold and with warm caches
        answer = server.sql(person, sql, database="t")
        assert answer.status == 200, answer.body
        usage = server.usage(person, answer)
        assert usage["scanned_bytes"] == expected, usage
        assert usage["connector_bytes"] == 0


@pytest.mark.parametrize(("person", "sql", "columns", "partitions"), [
    ("sue", "SELECT note FROM parts", {"note"}, {0, 1, 2, 3}),
    ("sue", "SELECT note FROM parts WHERE p = 2", {"note"}, {2}),
    ("sue", "SELECT p FROM parts WHERE p IN (1, 3) AND note <> ''", {"note"}, {1, 3}),
    ("ron", "SELECT note FROM parts", {"note"}, {0, 1}),
    ("ron", "SELECT note FROM parts WHERE p > 0", {"note"}, {1}),
])
def test_files_of_other_partitions_cost_nothing(server, lake, person, sql, columns, partitions):
    expected = sum(stored(lake / f"files/t/parts/p={number}/x.parquet", columns, ALL) for number in partitions)
    usage = server.usage(person, server.sql(person, sql, database="t"))
    assert usage["scanned_bytes"] == expected, usage


def test_the_bill_is_ten_megabytes_at_least(server):
    usage = server.usage("sue", server.sql("sue", "SELECT id FROM sales", database="t"))
    assert usage["billed_bytes"] == 10 * 1_048_576
