"""Copies of what was signed, in a real object store: what they prove when the store itself was cut, and that nobody's are overwritten."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import uuid
from pathlib import Path

import boto3
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "api"))

from conftest import BINARY, Gateway  # noqa: E402
from proxy import Proxy  # noqa: E402

S3 = {name: os.environ.get(f"LAKEGATE_TEST_S3_{name}") for name in ("ENDPOINT", "ACCESS_KEY", "SECRET_KEY", "BUCKET", "REGION")}

pytestmark = pytest.mark.skipif(S3["ENDPOINT"] is None, reason="LAKEGATE_TEST_S3_ENDPOINT is not set: no object store")


class Bucket:
    """A prefix of the bucket, as its owner sees it, and a way to it that can be cut."""

    def __init__(self):
        self.prefix = f"audit-{uuid.uuid4().hex}"
        self.url = f"s3://{S3['BUCKET']}/{self.prefix}"
        self.client = boto3.client("s3", endpoint_url=S3["ENDPOINT"], aws_access_key_id=S3["ACCESS_KEY"],
                                   aws_secret_access_key=S3["SECRET_KEY"], region_name=S3["REGION"])
        self.proxy = Proxy(int(S3["ENDPOINT"].rsplit(":", 1)[1]))

    def settings(self) -> dict[str, str]:
        return {"LAKEGATE__AUDIT__CHECKPOINTS_URL": self.url, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.proxy.port}",
                "AWS_ALLOW_HTTP": "true", "AWS_ACCESS_KEY_ID": S3["ACCESS_KEY"], "AWS_SECRET_ACCESS_KEY": S3["SECRET_KEY"],
                "AWS_REGION": S3["REGION"], "LAKEGATE__AUDIT__CHECKPOINT_INTERVAL_SECONDS": "1"}

    def objects(self) -> dict[str, bytes]:
        listed = self.client.list_objects_v2(Bucket=S3["BUCKET"], Prefix=self.prefix + "/").get("Contents", [])
        names = [item["Key"] for item in listed]
        return {name.split("/")[-1]: self.client.get_object(Bucket=S3["BUCKET"], Key=name)["Body"].read() for name in names}


@pytest.fixture
def bucket():
    bucket = Bucket()
    yield bucket
    bucket.proxy.cut()


@pytest.fixture
def copied(tmp_path, bucket):
    gateway = Gateway(tmp_path)
    gateway.settings |= bucket.settings()
    gateway.start()
    yield gateway
    gateway.process.stop(seconds=15)


def audit(gateway, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([str(BINARY), "audit", *arguments, "--data", str(gateway.data)], capture_output=True, text=True, timeout=120,
                          env=gateway.environment(**gateway.settings))


def verify(gateway, *more: str) -> tuple[int, dict]:
    found = audit(gateway, "verify", "-o", "json", *more)
    assert found.stdout, found.stderr
    return found.returncode, json.loads(found.stdout)


def stop(gateway) -> None:
    for number in range(3):
        assert gateway.run("sql", "-e", f"select {number} as n").returncode == 0
    gateway.process.stop(seconds=15)


def test_copies_prove_what_the_store_was_made_to_forget(copied, bucket):
    stop(copied)
    first = bucket.objects()
    with sqlite3.connect(copied.data / "lakegate.db") as store:
        signed = {row[0]: row[1] for row in store.execute("SELECT seq, body FROM audit_checkpoints")}
    # Every checkpoint, and the key; byte for byte what was signed.
    assert set(first) == {"key-000000000001.json"} | {f"checkpoint-{number:012}.json" for number in signed}
    assert {number: json.loads(first[f"checkpoint-{number:012}.json"])["body"] for number in signed} == signed
    assert verify(copied)[0] == 0
    # The last records, their head, and every checkpoint that signed them: the store is whole without them.
    with sqlite3.connect(copied.data / "lakegate.db") as store:
        store.executescript("""DELETE FROM audit_events; DELETE FROM audit_streams; DELETE FROM audit_checkpoints""")
    own = copied.settings.pop("LAKEGATE__AUDIT__CHECKPOINTS_URL")
    assert verify(copied)[0] == 0, "nothing inside tells"
    copied.settings["LAKEGATE__AUDIT__CHECKPOINTS_URL"] = own
    code, report = verify(copied)
    assert code == 13 and report["fault"]["kind"] == "torn-tail", report
    with pytest.raises(RuntimeError, match="older than the copies"):
        copied.start()
    assert bucket.objects() == first
    accepted = audit(copied, "acknowledge", "--reason", "the disk")
    assert accepted.returncode == 0, accepted.stderr
    copied.start()
    stop(copied)
    assert verify(copied)[0] == 0
    # What was there is there, as it was.
    assert first.items() <= bucket.objects().items()


def test_copies_of_another_store_are_not_overwritten(copied, bucket):
    stop(copied)
    first = bucket.objects()
    shutil.rmtree(copied.data)
    with pytest.raises(RuntimeError, match="older than the copies"):
        copied.start()
    assert bucket.objects() == first


def test_copies_that_failed_are_made_later(copied, bucket):
    bucket.proxy.cut()
    before = len(bucket.objects())
    assert copied.run("sql", "-e", "select 1 as n").returncode == 0
    copied.log = copied.folder / "server.log"
    deadline = 60
    while "cannot be copied" not in copied.log.read_text():
        deadline -= 1
        assert deadline, copied.log.read_text()[-2000:]
        subprocess.run(["sleep", "1"], check=True)
    assert len(bucket.objects()) == before
    bucket.proxy.mend()
    stop(copied)
    assert len(bucket.objects()) > before
    assert verify(copied)[0] == 0
