"""Keycloak, an OpenID provider: the realm, client and user of realm.json."""

import json
import os
import shutil
import urllib.request
import zipfile
from pathlib import Path

from cache import cached, check_sha256, require, run
from pins import HERE, PINS
from process import Process, free_port

REALM = json.loads((HERE / "realm.json").read_text())
OPENS = ["java.util", "java.util.concurrent", "java.security", "java.lang"]
JAVA_OPTIONS = [
    "-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
    *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENS),
    "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
    "-Djava.util.concurrent.ForkJoinPool.common.threadFactory="
    "io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory",
]


class Keycloak:
    def __init__(self, folder: Path):
        self.folder = folder / "keycloak"
        self.process: Process | None = None

    @staticmethod
    def fetch() -> Path:
        return cached("keycloak", PINS["keycloak"]["version"], build)

    def start(self) -> None:
        """Starts it and does not wait: it takes a dozen seconds of processor time."""
        distribution = self.fetch()
        (self.folder / "data/import").mkdir(parents=True)
        shutil.copy(HERE / "realm.json", self.folder / "data/import")
        for part in ("conf", "lib", "providers", "themes"):
            (self.folder / part).symlink_to(distribution / part)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = Process("keycloak", [
            require("java", "run tests/servers/install.sh keycloak"), *JAVA_OPTIONS,
            f"-Dkc.home.dir={self.folder}", f"-Djboss.server.config.dir={self.folder}/conf",
            "-cp", f"{self.folder}/lib/quarkus-run.jar", "io.quarkus.bootstrap.runner.QuarkusEntryPoint",
            "start", "--optimized", "--import-realm", "--http-enabled=true",
            "--http-host=127.0.0.1", f"--http-port={self.port}", f"--hostname={self.url}",
        ], self.folder / "log", cwd=self.folder)

    def wait_ready(self) -> None:
        self.process.wait_ready(self.ready, 300)

    def ready(self) -> bool:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"{self.issuer()}/.well-known/openid-configuration", timeout=5) as answer:
                return json.load(answer)["issuer"] == self.issuer()
        except OSError:
            return False

    def issuer(self) -> str:
        return f"{self.url}/realms/{REALM['realm']}"

    def environment(self) -> dict[str, str]:
        client, user = REALM["clients"][0], REALM["users"][0]
        return {
            "LAKEGATE_TEST_OIDC_ISSUER": self.issuer(),
            "LAKEGATE_TEST_OIDC_CLIENT_ID": client["clientId"],
            "LAKEGATE_TEST_OIDC_CLIENT_SECRET": client["secret"],
            "LAKEGATE_TEST_OIDC_USERNAME": user["username"],
            "LAKEGATE_TEST_OIDC_PASSWORD": user["credentials"][0]["value"],
            "LAKEGATE_TEST_OIDC_AUDIENCE": "lakegate",
        }

    def stop(self) -> None:
        if self.process:
            self.process.stop()


def build(folder: Path) -> None:
    """Downloads, checks, unpacks and prepares the distribution, so that a start needs no preparation of its own."""
    pin = PINS["keycloak"]
    maven = require("mvn", "run tests/servers/install.sh keycloak")
    artifact = f"{pin['artifact']}:{pin['version']}:{pin['packaging']}"
    run([maven, "-q", "-B", "dependency:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={folder}"], cwd=folder)
    [archive] = folder.glob("*.zip")
    check_sha256(archive, pin["sha256"])
    with zipfile.ZipFile(archive) as content:
        content.extractall(folder)
    archive.unlink()
    [unpacked] = folder.iterdir()
    for part in unpacked.iterdir():
        part.rename(folder / part.name)
    unpacked.rmdir()
    run(["sh", "bin/kc.sh", "build", "--db=dev-mem", "--cache=local"], cwd=folder,
        env={k: v for k, v in os.environ.items() if not k.startswith(("KC_", "JAVA_OPTS"))})
