"""PostgreSQL: two databases, `lakegate_store` for the catalog store and `crm` as a source; with and without TLS."""

import os
import secrets
import shutil
import signal
import subprocess
from pathlib import Path

import certs
from cache import require
from pins import PINS
from process import Process, free_port

OWNER = "lakegate"
STORE, CRM = "lakegate_store", "crm"


class Postgres:
    def __init__(self, folder: Path):
        self.folder = folder / "pg"
        self.process: Process | None = None
        self.password = secrets.token_hex(12)

    @staticmethod
    def fetch() -> None:
        bin_folder()
        require("openssl", "run tests/servers/install.sh postgres")
        require("setpriv", "it is part of util-linux")

    def start(self) -> None:
        self.folder.mkdir(mode=0o711)
        for name in ("data", "sock", "tls"):
            (self.folder / name).mkdir(mode=0o700)
        if len(str(self.folder / "sock")) > 80:
            raise RuntimeError(f"the temporary folder {self.folder} is too long a path for a unix socket: set TMPDIR")
        self.ca = certs.make(self.folder / "tls")
        shutil.copy(self.ca, self.folder / "ca.crt")
        self.give_to_server(*(self.folder / name for name in ("data", "sock", "tls")), *(self.folder / "tls").iterdir())
        self.tool("initdb", "-D", "data", "-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8",
                  "--no-sync")
        self.launch()
        self.sql("postgres", f"create role {OWNER} login createdb createrole password '{self.password}'")
        self.sql("postgres", f"grant pg_read_all_stats, pg_signal_backend to {OWNER}")
        for database in (STORE, CRM):
            self.sql("postgres", f"create database {database} owner {OWNER}")
        self.sql(CRM, "create extension pg_stat_statements")

    def launch(self) -> None:
        """Starts the server; once more on another port when somebody took the first in the meantime."""
        for attempt in (1, 2):
            self.port = free_port()
            self.configure()
            self.process = Process("postgres", [str(bin_folder() / "postgres"), "-D", "data"], self.folder / "log",
                                   user=user_switch(), cwd=self.folder, env=environment())
            try:
                return self.process.wait_ready(self.ready, 30)
            except RuntimeError:
                self.process.stop(signal.SIGQUIT)
                if attempt == 2:
                    raise

    def configure(self) -> None:
        files = {
            "postgresql.auto.conf": "\n".join([
                "listen_addresses = '127.0.0.1'",
                f"port = {self.port}",
                f"unix_socket_directories = '{self.folder}/sock'",
                "max_connections = 200",
                "shared_preload_libraries = 'pg_stat_statements,auto_explain'",
                "pg_stat_statements.track = all",
                "ssl = on",
                f"ssl_cert_file = '{self.folder}/tls/server.crt'",
                f"ssl_key_file = '{self.folder}/tls/server.key'",
                "fsync = off",
                "",
            ]),
            # The socket lies in a folder that only the server's user and root may enter.
            "pg_hba.conf": "local all all trust\n"
                           "hostssl all all 127.0.0.1/32 scram-sha-256\n"
                           "host all all 127.0.0.1/32 scram-sha-256\n",
        }
        for name, text in files.items():
            (self.folder / "data" / name).write_text(text)
            self.give_to_server(self.folder / "data" / name)

    def ready(self) -> bool:
        return self.try_tool("pg_isready", "-q", "-h", f"{self.folder}/sock", "-p", str(self.port)).returncode == 0

    def sql(self, database: str, statement: str) -> None:
        self.tool("psql", "-h", f"{self.folder}/sock", "-p", str(self.port), "-U", "postgres", "-d", database,
                  "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", statement)

    def environment(self) -> dict[str, str]:
        return {
            "LAKEGATE_TEST_POSTGRES_URL": f"postgres://{OWNER}:{self.password}@127.0.0.1:{self.port}/{STORE}",
            "LAKEGATE_TEST_PG_HOST": "127.0.0.1",
            "LAKEGATE_TEST_PG_PORT": str(self.port),
            "LAKEGATE_TEST_PG_USER": OWNER,
            "LAKEGATE_TEST_PG_PASSWORD": self.password,
            "LAKEGATE_TEST_PG_DATABASE": CRM,
            "LAKEGATE_TEST_PG_CA": str(self.folder / "ca.crt"),
            "LAKEGATE_TEST_PG_BIN": str(bin_folder()),
        }

    def wait_ready(self) -> None:
        pass  # start() has waited: the databases are made on a running server

    def stop(self) -> None:
        if self.process:
            self.process.stop(signal.SIGQUIT)  # immediate: nobody needs this data any more

    def tool(self, name: str, *arguments: str) -> None:
        done = self.try_tool(name, *arguments)
        if done.returncode != 0:
            raise RuntimeError(f"{name} failed:\n{done.stdout}{done.stderr}")

    def try_tool(self, name: str, *arguments: str) -> subprocess.CompletedProcess:
        switch = user_switch()
        command = [*(["setpriv", *switch, "--"] if switch else []), str(bin_folder() / name), *arguments]
        return subprocess.run(command, cwd=self.folder, env=environment(), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True)

    @staticmethod
    def give_to_server(*paths: Path) -> None:
        for path in paths:
            if os.getuid() == 0:
                shutil.chown(path, "postgres", "postgres")


def bin_folder() -> Path:
    folder = Path(f"/usr/lib/postgresql/{PINS['postgres']['major']}/bin")
    if not (folder / "postgres").exists():
        raise RuntimeError(f"{folder}/postgres is missing: run tests/servers/install.sh postgres")
    return folder


def user_switch() -> list[str]:
    """PostgreSQL refuses to run as root."""
    return ["--reuid=postgres", "--regid=postgres", "--init-groups"] if os.getuid() == 0 else []


def environment() -> dict[str, str]:
    return {"PATH": f"{bin_folder()}:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
