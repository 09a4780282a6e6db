"""How a server process is started, watched until it is ready, and stopped: by its recorded pid, never by name."""

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

# Below the ephemeral range of Linux, so that no outgoing connection takes the port first.
PORTS = range(10_000, 30_000)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    for port in random.sample(PORTS, 200):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port between 10000 and 30000")


class Process:
    """One server, in a process group of its own. It dies with us, even when we are killed with SIGKILL."""

    def __init__(self, name: str, command: list[str], log: Path, user: list[str] | None = None, **options):
        self.name = name
        self.log = log
        with open(log, "ab") as output:
            self.child = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *(user or []), "--", *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **options,
            )

    def exited(self) -> bool:
        return self.child.poll() is not None

    def wait_ready(self, probe: Callable[[], bool], seconds: float) -> None:
        """Asks `probe` until it says yes; fails with the end of the log when the process ends or time runs out."""
        deadline = time.monotonic() + seconds
        while not probe():
            if self.exited():
                raise RuntimeError(f"{self.name} ended with status {self.child.returncode}:\n{self.log_end()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} is not ready after {seconds:.0f} s:\n{self.log_end()}")
            time.sleep(0.05)

    def log_end(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-30:])

    def stop(self, how: signal.Signals = signal.SIGTERM, seconds: float = 10) -> None:
        """Asks the process to end, waits, and then ends whatever is left of its group."""
        if not self.exited():
            self.child.send_signal(how)
            try:
                self.child.wait(seconds)
            except subprocess.TimeoutExpired:
                pass
        try:
            os.killpg(self.child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.child.wait()
