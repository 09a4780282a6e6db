"""DynamoDB: Amazon's own local server, in memory, with the jars that Maven brings along."""

import os
import signal
import urllib.error
import urllib.request
from pathlib import Path

from cache import cached, check_sha256, require, run
from pins import PINS
from process import Process, free_port

REGION = "eu-central-1"
MAIN = "com.amazonaws.services.dynamodbv2.local.main.ServerRunner"
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>lakegate</groupId><artifactId>test-servers</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version></dependency>
  </dependencies>
</project>
"""


class DynamoDB:
    def __init__(self, folder: Path):
        self.folder = folder / "dynamodb"
        self.process: Process | None = None
        # Letters and digits only: the server refuses anything else. It does not check the secret.
        self.access_key = "LAKEGATETEST"
        self.secret_key = os.urandom(16).hex()

    @staticmethod
    def fetch() -> Path:
        return cached("dynamodb", PINS["dynamodb"]["version"], build)

    def start(self) -> None:
        """Starts it and does not wait: it takes some seconds. It listens on all addresses; there is no option for that."""
        self.folder.mkdir()
        self.lib = self.fetch()
        self.launch()

    def launch(self) -> None:
        self.port = free_port()
        self.process = Process("dynamodb", [
            require("java", "run tests/servers/install.sh dynamodb"), "-Xmx512m", "-XX:+UseSerialGC",
            f"-Djava.library.path={self.lib}", "-cp", f"{self.lib}/*", MAIN,
            "-inMemory", "-sharedDb", "-disableTelemetry", "-port", str(self.port),
        ], self.folder / "log", cwd=self.folder)

    def wait_ready(self) -> None:
        """Starts it once more on another port when somebody took the first in the meantime."""
        try:
            self.process.wait_ready(self.ready, 60)
        except RuntimeError:
            self.process.stop(signal.SIGKILL)
            self.launch()
            self.process.wait_ready(self.ready, 60)

    def ready(self) -> bool:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(self.endpoint(), timeout=2):
                return True
        except urllib.error.HTTPError as answer:
            # It answers, and misses a signature.
            return answer.code == 400
        except OSError:
            return False

    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        return {
            "LAKEGATE_TEST_DYNAMODB": self.endpoint(),
            "LAKEGATE_TEST_DYNAMODB_REGION": REGION,
            "LAKEGATE_TEST_DYNAMODB_ACCESS_KEY": self.access_key,
            "LAKEGATE_TEST_DYNAMODB_SECRET_KEY": self.secret_key,
        }

    def stop(self) -> None:
        if self.process:
            self.process.stop()


def build(folder: Path) -> None:
    """The server's jar and all that it needs, in one folder."""
    pin = PINS["dynamodb"]
    group, artifact = pin["artifact"].split(":")
    (folder / "pom.xml").write_text(POM.format(group=group, artifact=artifact, version=pin["version"]))
    maven = require("mvn", "run tests/servers/install.sh dynamodb")
    run([maven, "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={folder}", "-DincludeScope=runtime"],
        cwd=folder)
    check_sha256(folder / f"{artifact}-{pin['version']}.jar", pin["sha256"])
