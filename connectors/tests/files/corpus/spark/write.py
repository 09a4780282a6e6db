"""Writes the files of this folder with Spark, and what Spark reads from them as `expected.json`.

pip install pyspark==4.3.0 pyarrow==26.0.1 pandas; put spark-avro_2.13-4.3.0.jar (Maven) here; TZ=UTC python write.py;
TZ=America/Los_Angeles python write.py angeles

Values of `expected.json`: dates are days and moments microseconds since 1970 (moments without a zone as if in UTC), decimals and
floats are text, bytes are hexadecimal, maps are pairs in the order of their keys.
"""

import glob
import json
import os
import shutil
import sys

import pyarrow as pa
from pyspark.sql import SparkSession

HERE = os.path.dirname(os.path.abspath(__file__))
WORK = "/tmp/spark-corpus"
SCALARS = {
    "b": ("boolean", ["true", "false", "NULL", "true", "false", "NULL"]),
    "i8": ("tinyint", ["-128", "127", "0", "NULL", "1", "-1"]),
    "i16": ("smallint", ["-32768", "32767", "NULL", "0", "1", "-1"]),
    "i32": ("int", ["-2147483648", "2147483647", "0", "1", "NULL", "-1"]),
    "i64": ("bigint", ["-9223372036854775808", "9223372036854775807", "0", "NULL", "1", "-1"]),
    "f": ("float", ["1.5", "'NaN'", "'-Infinity'", "NULL", "'-0.0'", "3.4028235E38"]),
    "d": ("double", ["0.1", "'NaN'", "'Infinity'", "-1e-300", "NULL", "'-0.0'"]),
    "dec9": ("decimal(9,2)", ["1234567.89", "-0.01", "NULL", "0", "9999999.99", "-9999999.99"]),
    "dec18": ("decimal(18,6)", ["123456789012.123456", "-0.000001", "NULL", "0", "1", "-1"]),
    "dec38": ("decimal(38,10)", ["1234567890123456789012345678.0123456789", "NULL", "-0.0000000001", "0", "1", "-1"]),
    "s": ("string", ["''", "'plain'", "'ünï😀'", "NULL", "'a,\"b\"\\\\c'", "'two\\nlines'"]),
    "bin": ("binary", ["X''", "X'00FF80'", "NULL", "X'41'", "X'FFFFFFFF'", "X'0A0D'"]),
}
MODERN = {
    "day": ("date", ["'2024-02-29'", "'1970-01-01'", "'1969-12-31'", "NULL", "'9999-12-31'", "'1900-01-01'"]),
    "ts": ("timestamp", ["'2024-02-29 12:34:56.789012'", "'1970-01-01 00:00:00'", "'1969-12-31 23:59:59.999999'", "NULL",
                         "'9999-12-31 23:59:59.999999'", "'1900-01-01 00:00:01'"]),
    "ntz": ("timestamp_ntz", ["'2024-03-31 02:30:00'", "'1970-01-01 00:00:00.000001'", "'1969-12-31 23:59:59.5'", "NULL",
                              "'9999-12-31 23:59:59.999999'", "'1900-01-01 00:00:01'"]),
}
OLD = {
    "day": ("date", ["'0001-01-01'", "'1500-02-28'", "'1582-10-04'", "'1582-10-15'", "'1582-10-03'", "NULL"]),
    "ts": ("timestamp", ["'0001-01-01 00:00:00'", "'1500-02-28 12:00:00.000001'", "'1582-10-04 23:59:59.999999'",
                         "'1582-10-15 00:00:00'", "'1850-06-01 01:02:03'", "NULL"]),
}
NESTED = {
    "l": ("array<int>", ["array(1,NULL,3)", "array()", "NULL", "array(NULL)", "array(4)", "array(5,6)"]),
    "ls": ("array<string>", ["array('a','')", "array()", "NULL", "array(NULL,'b')", "array('ü')", "array('x','y','z')"]),
    "m": ("map<string,bigint>", ["map('k',1,'n',NULL)", "map()", "NULL", "map('',0)", "map('ü',-1)", "map('a',1,'b',2)"]),
    "st": ("struct<a:int,b:string>", ["named_struct('a',1,'b','x')", "named_struct('a',NULL,'b',NULL)", "NULL",
                                      "named_struct('a',4,'b',NULL)", "named_struct('a',NULL,'b','y')", "named_struct('a',6,'b','')"]),
    "deep": ("array<struct<x:int,y:map<string,array<double>>>>",
             ["array(named_struct('x',1,'y',map('k',array(0.5D,NULL))))", "array()", "NULL", "array(NULL)",
              "array(named_struct('x',NULL,'y',NULL),named_struct('x',2,'y',map()))",
              "array(named_struct('x',3,'y',map('a',array(),'b',NULL)))"]),
}


def rows(spark, *groups, keep=None):
    columns = {name: column for group in groups for name, column in group.items() if keep is None or name in keep}
    parts = ["CAST(id AS int) AS id"]
    for name, (kind, values) in columns.items():
        values = ",".join(f"CAST({value} AS {kind})" for value in values)
        parts.append(f"element_at(array({values}), CAST(id AS int) + 1) AS {name}")
    return spark.sql(f"SELECT {', '.join(parts)} FROM range(0, 6, 1, 1)")


def canonical(value, kind):
    """A value of Arrow as JSON."""
    if not value.is_valid:
        return None
    if pa.types.is_date(kind):
        return value.cast(pa.int32()).as_py()
    if pa.types.is_timestamp(kind):
        return value.cast(pa.timestamp("us", kind.tz)).cast(pa.int64()).as_py()
    if pa.types.is_decimal(kind):
        return format(value.as_py(), "f")
    if pa.types.is_floating(kind):
        return repr(value.as_py())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return value.as_py().hex()
    if pa.types.is_struct(kind):
        return {field.name: canonical(value[field.name], field.type) for field in kind}
    if pa.types.is_map(kind):
        pairs = value.values
        keys, items = pairs.field(0), pairs.field(1)
        return sorted([canonical(k, kind.key_type), canonical(i, kind.item_type)] for k, i in zip(keys, items))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return [canonical(item, kind.value_type) for item in value.values]
    return value.as_py()


EXPECTED = {}


def expect(name, frame):
    table = frame.orderBy("id").toArrow()
    found = [[canonical(table.column(c)[r], table.schema.field(c).type) for c in range(table.num_columns)] for r in range(table.num_rows)]
    EXPECTED[name] = {"schema": frame.schema.jsonValue()["fields"], "rows": found}


def save(spark, name, frame, format, read=None, **options):
    """One file of a frame; what Spark reads from it."""
    folder = f"{WORK}/{name}"
    frame.coalesce(1).write.format(format).options(**options).mode("overwrite").save(folder)
    parts = [path for path in glob.glob(f"{folder}/part-*")]
    assert len(parts) == 1, parts
    shutil.copy(parts[0], f"{HERE}/{name}")
    reader = spark.read.format(format).options(**(read or {}))
    if format in ("csv", "json"):
        reader = reader.schema(frame.schema)
    expect(name, reader.load(folder))


def main():
    zone = os.environ.get("TZ", "UTC")
    shutil.rmtree(WORK, ignore_errors=True)
    jar = glob.glob(f"{os.environ.get('JARS', HERE)}/spark-avro_*.jar")
    spark = (SparkSession.builder.master("local[1]").config("spark.jars", ",".join(jar)).config("spark.ui.enabled", "false")
             .config("spark.sql.session.timeZone", zone).config("spark.sql.warehouse.dir", WORK + "/warehouse")
             .config("spark.sql.shuffle.partitions", "1").getOrCreate())
    spark.sparkContext.setLogLevel("ERROR")
    conf = spark.conf

    def within(settings, run):
        for key, value in settings.items():
            conf.set(key, value)
        run()
        for key in settings:
            conf.unset(key)

    everything = rows(spark, SCALARS, MODERN, NESTED)
    old = rows(spark, OLD)
    P = "spark.sql.parquet."
    if "parquet" in sys.argv or len(sys.argv) == 1:
        save(spark, "modern.parquet", everything, "parquet")
        within({P + "writeLegacyFormat": "true", P + "outputTimestampType": "INT96"},
               lambda: save(spark, "legacy-format.parquet", everything, "parquet", compression="gzip"))
        within({P + "outputTimestampType": "TIMESTAMP_MILLIS"},
               lambda: save(spark, "millis.parquet", rows(spark, MODERN), "parquet", compression="zstd"))
        save(spark, "second-pages.parquet", everything, "parquet", compression="lz4_raw", **{"parquet.writer.version": "PARQUET_2_0"})
        for mode in ("CORRECTED", "LEGACY"):
            within({P + "datetimeRebaseModeInWrite": mode, P + "int96RebaseModeInWrite": mode, P + "outputTimestampType": "TIMESTAMP_MICROS"},
                   lambda: save(spark, f"old-{mode.lower()}.parquet", old, "parquet"))
            within({P + "datetimeRebaseModeInWrite": mode, P + "int96RebaseModeInWrite": mode, P + "outputTimestampType": "INT96"},
                   lambda: save(spark, f"old-{mode.lower()}-int96.parquet", old, "parquet"))
        within({P + "datetimeRebaseModeInWrite": "LEGACY", P + "int96RebaseModeInWrite": "LEGACY", P + "outputTimestampType": "TIMESTAMP_MICROS",
                "spark.sql.session.timeZone": "America/Los_Angeles"},
               lambda: save(spark, "old-legacy-angeles.parquet", old, "parquet"))
    if "orc" in sys.argv or len(sys.argv) == 1:
        for codec in ("zlib", "zstd", "lz4", "snappy", "none"):
            save(spark, f"spark-{codec}.orc", everything, "orc", compression=codec)
        save(spark, "old.orc", rows(spark, OLD), "orc")
        spark.sql(f"CREATE TABLE texts (id int, c char(5), v varchar(5)) USING orc LOCATION '{WORK}/texts'")
        spark.sql("INSERT INTO texts SELECT /*+ COALESCE(1) */ * FROM VALUES (0,'ab','ab'),(1,'abcde','abcde'),(2,NULL,NULL),(3,'','') t")
        shutil.copy(glob.glob(f"{WORK}/texts/part-*")[0], f"{HERE}/char.orc")
        expect("char.orc", spark.table("texts"))
    if "angeles" in sys.argv:
        # With TZ=America/Los_Angeles: of moments the wall of the writer is what is read.
        both = rows(spark, {"ts": MODERN["ts"], "old": OLD["ts"]})
        both.coalesce(1).write.mode("overwrite").orc(WORK + "/angeles")
        shutil.copy(glob.glob(f"{WORK}/angeles/part-*")[0], f"{HERE}/angeles.orc")
        wall = [f"CAST({name} AS timestamp_ntz) AS {name}" for name in ("ts", "old")]
        expect("angeles.orc", spark.read.orc(WORK + "/angeles").selectExpr("id", *wall))
    if "avro" in sys.argv or len(sys.argv) == 1:
        for codec in ("uncompressed", "snappy", "deflate", "bzip2", "zstandard"):
            save(spark, f"spark-{codec}.avro", everything, "avro", compression=codec)
        for mode in ("CORRECTED", "LEGACY"):
            within({"spark.sql.avro.datetimeRebaseModeInWrite": mode}, lambda: save(spark, f"old-{mode.lower()}.avro", old, "avro"))
    if "text" in sys.argv or len(sys.argv) == 1:
        flat = rows(spark, SCALARS, MODERN, keep=set(SCALARS) - {"bin"} | set(MODERN))
        for name, options in (("spark.csv", {}), ("header.csv.gz", {"compression": "gzip"}), ("bar.csv.bz2", {"sep": "|", "compression": "bzip2"})):
            options = {"header": "true", "multiLine": "true", **options}
            save(spark, name, flat, "csv", read=options, **options)
        save(spark, "spark.json", everything.drop("bin"), "json")
        save(spark, "spark.json.gz", everything.drop("bin"), "json", compression="gzip")
    if "folders" in sys.argv or len(sys.argv) == 1:
        words = ["'plain'", "NULL", "'a/b=c'", "'ü %2F'", "'  '", "'q\"?*:'"]
        parted = rows(spark, {"word": ("string", words), "n": ("int", ["1", "2", "NULL", "3", "-4", "5"]), "day": MODERN["day"], "v": SCALARS["i64"]})
        folder = f"{HERE}/folders.parquet"
        shutil.rmtree(folder, ignore_errors=True)
        parted.write.partitionBy("word", "n", "day").mode("overwrite").parquet(folder)
        expect("folders.parquet", spark.read.schema("id int, v bigint, word string, n int, day date").parquet(folder))
        for number, part in enumerate(sorted(glob.glob(f"{folder}/**/part-*", recursive=True))):
            os.rename(part, f"{os.path.dirname(part)}/part-{number}")
        for crc in glob.glob(f"{folder}/**/.*", recursive=True):
            if os.path.isfile(crc):
                os.remove(crc)
    path = f"{HERE}/expected.json"
    known = json.load(open(path)) if os.path.exists(path) else {}
    known.update(EXPECTED)
    with open(path, "w") as file:
        json.dump(dict(sorted(known.items())), file, ensure_ascii=False, separators=(",", ":"), indent=None)
        file.write("\n")


if __name__ == "__main__":
    main()
