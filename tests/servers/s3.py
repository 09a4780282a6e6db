"""S3: versitygw over one folder, with a bucket; the same content over http and, with a private authority, https."""

import os
import secrets
import ssl
import urllib.request
from pathlib import Path

import certs
from cache import cached, require, run
from pins import PINS
from process import Process, free_port

BUCKET = "lake"


class S3:
    def __init__(self, folder: Path):
        self.folder = folder / "s3"
        self.processes: list[Process] = []
        self.access_key = "AKLAKEGATETEST"
        self.secret_key = secrets.token_hex(16)

    @staticmethod
    def fetch() -> Path:
        return cached("versitygw", PINS["s3"]["version"], build) / "versitygw"

    def start(self) -> None:
        self.folder.mkdir()
        for name in ("data", "versions", "tls"):
            (self.folder / name).mkdir()
        (self.folder / "data" / BUCKET).mkdir()
        self.ca = certs.make(self.folder / "tls")
        tls = ["--cert", str(self.folder / "tls/server.crt"), "--key", str(self.folder / "tls/server.key")]
        self.endpoint = self.launch("http", [])
        self.tls_endpoint = self.launch("https", tls)

    def launch(self, scheme: str, options: list[str]) -> str:
        """Starts one door to the folder; once more on another port when somebody took the first in the meantime."""
        for attempt in (1, 2):
            port = free_port()
            endpoint = f"{scheme}://127.0.0.1:{port}"
            process = Process(f"versitygw ({scheme})", [
                str(self.fetch()), "--access", self.access_key, "--secret", self.secret_key,
                "--port", f"127.0.0.1:{port}", "--health", "/healthz", "--quiet", *options,
                "posix", "--versioning-dir", str(self.folder / "versions"), str(self.folder / "data"),
            ], self.folder / f"{scheme}.log", cwd=self.folder)
            self.processes.append(process)
            try:
                process.wait_ready(lambda: self.healthy(endpoint), 20)
                return endpoint
            except RuntimeError:
                process.stop()
                if attempt == 2:
                    raise
        raise AssertionError("two attempts end by return or raise")

    def healthy(self, endpoint: str) -> bool:
        context = ssl.create_default_context(cafile=self.ca) if endpoint.startswith("https") else None
        handlers = [urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)]
        try:
            with urllib.request.build_opener(*handlers).open(f"{endpoint}/healthz", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def environment(self) -> dict[str, str]:
        return {
            "LAKEGATE_TEST_S3_ENDPOINT": self.endpoint,
            "LAKEGATE_TEST_S3_TLS_ENDPOINT": self.tls_endpoint,
            "LAKEGATE_TEST_S3_CA": str(self.ca),
            "LAKEGATE_TEST_S3_ACCESS_KEY": self.access_key,
            "LAKEGATE_TEST_S3_SECRET_KEY": self.secret_key,
            "LAKEGATE_TEST_S3_BUCKET": BUCKET,
            "LAKEGATE_TEST_S3_REGION": "us-east-1",
        }

    def wait_ready(self) -> None:
        pass  # start() has waited

    def stop(self) -> None:
        for process in self.processes:
            process.stop()


def build(folder: Path) -> None:
    go = require("go", "run tests/servers/install.sh s3")
    run([go, "install", f"{PINS['s3']['module']}@{PINS['s3']['version']}"],
        env={**os.environ, "GOBIN": str(folder), "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}, cwd=folder)
