"""Writes files of Parquet as old, careless and hostile writers leave them: pyarrow's, with a few bytes changed; and one of ORC.

pip install pyarrow==26.0.1; python odd.py
"""

import datetime
import decimal
import io

import pyarrow as pa
import pyarrow.orc as orc
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe

ROWS = 60


class Thrift:
    """Places of the values of a struct: {id: (kind, start of its head, start, end, members or elements)}."""

    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def varint(self):
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def number(self):
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def struct(self):
        found, last = {}, 0
        while True:
            head = self.at
            byte = self.data[self.at]
            self.at += 1
            if byte & 15 == 0:
                return found
            last = last + (byte >> 4) if byte >> 4 else self.number()
            start = self.at
            inner = self.value(byte & 15)
            found[last] = (byte & 15, head, start, self.at, inner)

    def value(self, kind):
        if kind in (4, 5, 6):
            return self.number()
        if kind == 3:
            self.at += 1
        elif kind == 7:
            self.at += 8
        elif kind == 8:
            length = self.varint()
            self.at += length
        elif kind == 9:
            byte = self.data[self.at]
            self.at += 1
            count = self.varint() if byte >> 4 == 15 else byte >> 4
            if byte & 15 in (1, 2):
                self.at += count
                return []
            return [self.value(byte & 15) for _ in range(count)]
        elif kind == 12:
            return self.struct()
        return None


def padded(number, length):
    """A zigzag number of so many bytes."""
    number *= 2
    return bytes((number >> 7 * place) & 127 | (128 if place + 1 < length else 0) for place in range(length))


def footer(data):
    length = int.from_bytes(data[-8:-4], "little")
    return Thrift(data, len(data) - 8 - length).struct()


def chunks(data):
    """What the chunks of a file say of themselves."""
    for group in footer(data)[4][4]:
        yield from group[1][4]


def shorten(data, place):
    """The list at this place, of 64 bits, is called one of 16."""
    if data[place] & 15 == 6:
        data[place] = data[place] & 0xF0 | 4
        return 1
    return 0


def write(table, **options):
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return bytearray(out.getvalue())


def save(name, data):
    with open(name, "wb") as file:
        file.write(data)


def rows():
    return pa.table({
        "id": pa.array(range(ROWS), pa.int64()),
        "word": pa.array([f"word {row % 7}" if row % 5 else None for row in range(ROWS)]),
        "day": pa.array([datetime.date(2020, 1, 1) + datetime.timedelta(row) for row in range(ROWS)]),
        "l": pa.array([[row, None] * (row % 3) for row in range(ROWS)]),
    })


class Keys(pe.KmsClient):
    """Keys that are kept as they are."""

    def __init__(self, _configuration):
        pe.KmsClient.__init__(self)

    def wrap_key(self, key, name):
        return name.encode() + b":" + key.hex().encode()

    def unwrap_key(self, wrapped, name):
        return bytes.fromhex(wrapped.decode().split(":")[1])


def encrypted(table, **options):
    factory = pe.CryptoFactory(Keys)
    configuration = pe.EncryptionConfiguration(footer_key="footer", **options)
    properties = factory.file_encryption_properties(pe.KmsConnectionConfig(), configuration)
    return write(table, encryption_properties=properties)


if __name__ == "__main__":
    data = write(rows())
    save("as-written.parquet", data)

    # Pages begin with a dictionary, and the place of the dictionary is 0.
    for chunk in chunks(data):
        if 11 in chunk[3][4]:
            _, _, start, end, dictionary = chunk[3][4][11]
            data[start:end] = padded(0, end - start)
            _, _, start, end, _ = chunk[3][4][9]
            data[start:end] = padded(dictionary, end - start)
    save("no-dictionary.parquet", data)

    # Annotations that nobody knows, where there was text.
    data = write(rows())
    for element in footer(data)[2][4]:
        if 6 in element and element[6][4] == 0:
            data[element[6][2]] = 2 * 24
    save("annotation.parquet", data)

    # Lists of numbers that are called short: histograms of the footer, and the index of pages.
    data = write(rows(), write_page_index=True, data_page_size=64, write_batch_size=10)
    shortened = 0
    for chunk in chunks(data):
        sizes = chunk[3][4].get(16)
        for field in (2, 3):
            if sizes and field in sizes[4]:
                shortened += shorten(data, sizes[4][field][2])
        for place, lists in ((6, (5, 6, 7)), (4, (2,))):
            index = Thrift(data, chunk[place][4]).struct()
            shortened += sum(shorten(data, index[field][2]) for field in lists if field in index)
    assert shortened > 8, shortened
    save("short-lists.parquet", data)

    # A page of two thousand million bytes; the same with a header that says a thousand.
    bomb = pa.table({"s": pa.array(["x" * 1_900_000_000])})
    data = write(bomb, compression="brotli", write_statistics=False, use_dictionary=False)
    save("gigabytes.parquet", data)
    page = Thrift(data, 4).struct()
    _, _, start, end, size = page[2]
    assert size > 1_900_000_000
    data[start:end] = padded(1_000, end - start)
    save("gigabytes-unsaid.parquet", data)

    # Some columns, and all of a file.
    save("encrypted-columns.parquet", encrypted(rows(), column_keys={"own": ["word"]}, plaintext_footer=True))
    save("encrypted-footer.parquet", encrypted(rows(), column_keys={"own": ["word"]}))

    # Stripes whose values rise; floats with NaN in every stripe, of which no statistics tell.
    count = 2_000
    rising = pa.table({
        "id": pa.array(range(count), pa.int64()),
        "day": pa.array([datetime.date(2000, 1, 1) + datetime.timedelta(row // 10) for row in range(count)]),
        "amount": pa.array([decimal.Decimal(row - 1_000) / 100 for row in range(count)], pa.decimal128(12, 2)),
        "word": pa.array([f"{row:05}" if row % 1_000 > 10 else None for row in range(count)]),
        "f": pa.array([float("nan") if row % 100 == 0 else 1.0 for row in range(count)]),
    })
    orc.write_table(rising, "stripes.orc", compression="uncompressed", stripe_size=16_384, batch_size=200)
