"""Writes the files of this folder: the same rows by pyarrow as ORC, by fastavro as Avro, and as Parquet to compare them with.

pip install pyarrow==26.0.1 fastavro==1.13.1; python write.py
"""

import datetime
import decimal
import random

import fastavro
import pyarrow as pa
import pyarrow.orc as orc
import pyarrow.parquet as pq

ROWS = 420
dice = random.Random(7)


def some(make, nulls=0.2):
    """Values, some of them NULL."""
    return [None if dice.random() < nulls else make(row) for row in range(ROWS)]


def runs(row):
    """Numbers of every kind of run: equal, rising, noisy, with a few that are far off."""
    part = row // 60
    if part == 0:
        return 7
    if part == 1:
        return row * 3 - 1000
    if part == 2:
        return dice.randrange(-100, 100)
    if part == 3:
        return dice.randrange(100) if row % 37 else dice.randrange(1 << 40)
    if part == 4:
        return dice.randrange(-(1 << 63), 1 << 63)
    return row * row - (5000 if row % 2 else 0)


def word(row):
    return dice.choice(["", "a", "é😀", "lorem ipsum", f"row {row}", "x" * dice.randrange(60)])


def some_items(row):
    return [None if dice.random() < 0.3 else item * row for item in range(row % 5)]


DAY = datetime.date(1970, 1, 1)
MOMENT = datetime.datetime(1970, 1, 1)
columns = {
    "b": pa.array(some(lambda row: dice.random() < 0.5), pa.bool_()),
    "i8": pa.array(some(lambda row: dice.randrange(-128, 128)), pa.int8()),
    "i16": pa.array(some(lambda row: dice.randrange(-(1 << 15), 1 << 15)), pa.int16()),
    "i32": pa.array(some(lambda row: runs(row) % (1 << 31) - (1 << 30)), pa.int32()),
    "i64": pa.array(some(runs), pa.int64()),
    "full": pa.array(some(runs, 0), pa.int64()),
    "f": pa.array(some(lambda row: dice.choice([0.5, -1.25, float("inf"), 3.0e10])), pa.float32()),
    "d": pa.array(some(lambda row: dice.uniform(-1e9, 1e9)), pa.float64()),
    "s": pa.array(some(word), pa.string()),
    "dict": pa.array(some(lambda row: dice.choice(["red", "green", "blue", ""])), pa.string()),
    "y": pa.array(some(lambda row: dice.randbytes(dice.randrange(9))), pa.binary()),
    "day": pa.array(some(lambda row: DAY + datetime.timedelta(dice.randrange(-170_000, 2_900_000))), pa.date32()),
    "ts": pa.array(some(lambda row: MOMENT + datetime.timedelta(seconds=dice.randrange(0, 9 * 10**9), microseconds=dice.randrange(10**6))), pa.timestamp("us")),
    "dec": pa.array(some(lambda row: decimal.Decimal(dice.randrange(-(10**12), 10**12)) / 1000), pa.decimal128(18, 3)),
    "big": pa.array(some(lambda row: decimal.Decimal(dice.randrange(-(10**37), 10**37)).scaleb(-10)), pa.decimal128(38, 10)),
    "l": pa.array(some(lambda row: some_items(row)), pa.list_(pa.int64())),
    "m": pa.array(some(lambda row: [(f"k{item}", item) for item in range(row % 4)]), pa.map_(pa.string(), pa.int64())),
    "st": pa.array(some(lambda row: {"x": None if row % 3 else row, "y": [{"z": word(row)}] * (row % 3)}),
                   pa.struct([("x", pa.int32()), ("y", pa.list_(pa.struct([("z", pa.string())])))])),
}


if __name__ == "__main__":
    table = pa.table(columns)
    pq.write_table(table, "rows.parquet", compression="zstd")
    for name, options in {
        "zlib": {"compression": "zlib"},
        "snappy": {"compression": "snappy", "dictionary_key_size_threshold": 1.0},
        "lz4": {"compression": "lz4", "batch_size": 64, "stripe_size": 4096},
        "zstd": {"compression": "zstd", "compression_block_size": 65536},
        "plain": {"compression": "uncompressed", "dictionary_key_size_threshold": 1.0},
        "old": {"compression": "zlib", "file_version": "0.11"},
    }.items():
        # At once: of a slice pyarrow 26 writes the members of structs from the start of the table.
        orc.write_table(table, f"{name}.orc", **options)

    # Of Avro: what its types can say.
    def field(name, kind, **logical):
        inner = {"type": kind, **logical} if logical else kind
        return {"name": name, "type": ["null", inner]}

    schema = {"type": "record", "name": "a.b.Row", "fields": [
        field("b", "boolean"), field("i32", "int"), field("i64", "long"), {"name": "full", "type": "long"},
        field("f", "float"), field("d", "double"), field("s", "string"),
        {"name": "dict", "type": [{"type": "enum", "name": "Colour", "symbols": ["red", "green", "blue", "none"]}, "null"]},
        field("y", "bytes"), field("day", "int", logicalType="date"),
        field("ts", "long", logicalType="local-timestamp-micros"),
        field("dec", "bytes", logicalType="decimal", precision=18, scale=3),
        {"name": "big", "type": ["null", {"type": "fixed", "name": "Sixteen", "size": 16, "logicalType": "decimal", "precision": 38, "scale": 10}]},
        {"name": "l", "type": ["null", {"type": "array", "items": ["null", "long"]}]},
        {"name": "m", "type": ["null", {"type": "map", "values": ["null", "long"]}]},
        {"name": "st", "type": ["null", {"type": "record", "name": "Inner", "fields": [
            field("x", "int"),
            {"name": "y", "type": {"type": "array", "items": {"type": "record", "name": "Deep", "fields": [field("z", "string")]}}}]}]},
        # A named type a second time, by its short name, and types that nobody wants.
        {"name": "again", "type": ["null", "Colour"]},
        {"name": "mixed", "type": ["null", "long", "string", "Deep"]},
        {"name": "deep", "type": {"type": "map", "values": {"type": "array", "items": "Inner"}}},
    ]}
    rows = []
    for row in table.drop_columns(["i8", "i16"]).to_pylist():
        row["dict"] = row["dict"] and row["dict"] or (None if row["dict"] is None else "none")
        row["m"] = None if row["m"] is None else dict(row["m"])
        row["again"] = "blue"
        row["mixed"] = dice.choice([None, 5, "five", {"z": "deep"}])
        row["deep"] = {"k": [{"x": 1, "y": [{"z": "w"}]}] * (row["full"] % 3)}
        rows.append(row)
    for codec in ["null", "deflate", "bzip2", "snappy", "zstandard"]:
        with open(f"{codec}.avro", "wb") as file:
            fastavro.writer(file, schema, rows, codec=codec, sync_interval=3000)
