"""boto3 as the peer: `fill TABLE ITEMS` makes the table, `scan TABLE SEGMENTS` reads it in parallel and tells what that took."""

import json
import os
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
from boto3.dynamodb.types import TypeDeserializer

READERS = 4
VERB, TABLE, NUMBER = sys.argv[1], sys.argv[2], int(sys.argv[3])


def client():
    variable = "LAKEGATE_TEST_DYNAMODB"
    return boto3.client(
        "dynamodb", endpoint_url=os.environ[variable], region_name="eu-central-1",
        aws_access_key_id=os.environ[variable + "_ACCESS_KEY"],
        aws_secret_access_key=os.environ[variable + "_SECRET_KEY"])


def item(number):
    return {
        "customer": {"S": f"customer-{number % 997}"}, "id": {"N": str(number)}, "total": {"N": f"{number % 1000}.25"},
        "status": {"S": ["open", "paid", "shipped"][number % 3]}, "express": {"BOOL": number % 2 == 0},
        "placed": {"S": f"2026-{number % 12 + 1:02}-11T10:00:00Z"}, "tags": {"SS": ["a", "b"]},
        "address": {"M": {"zip": {"S": f"{number % 90000 + 10000}"}, "city": {"S": "Berlin"}}},
        "lines": {"L": [{"M": {"sku": {"S": f"sku-{number % 77}"}, "count": {"N": "2"}}}]},
        "note": {"S": "n" * 60},
    }


def fill(items):
    dynamodb = client()
    key = [("customer", "HASH", "S"), ("id", "RANGE", "N")]
    dynamodb.create_table(
        TableName=TABLE, BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind, _ in key],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, _, kind in key])

    def put(first):
        requests = [{"PutRequest": {"Item": item(number)}} for number in range(first, min(first + 25, items))]
        left = dynamodb.batch_write_item(RequestItems={TABLE: requests})["UnprocessedItems"]
        assert not left, left

    with ThreadPoolExecutor(READERS) as pool:
        list(pool.map(put, range(0, items, 25)))
    return {"items": items}


def scan(segments):
    """Items become Python values, as `boto3.resource` gives them."""
    dynamodb = client()
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()

    def segment(number):
        value, rows, last = TypeDeserializer().deserialize, 0, {}
        while True:
            page = dynamodb.scan(TableName=TABLE, Segment=number, TotalSegments=segments, **last)
            rows += len([{name: value(attribute) for name, attribute in found.items()} for found in page["Items"]])
            if "LastEvaluatedKey" not in page:
                return rows
            last = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    with ThreadPoolExecutor(READERS) as pool:
        rows = sum(pool.map(segment, range(segments)))
    wall, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_SELF)
    return {"rows": rows, "wall_s": wall, "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


print(json.dumps({"fill": fill, "scan": scan}[VERB](NUMBER)))
