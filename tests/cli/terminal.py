"""A command on a pseudo-terminal of its own: what it draws, what is typed, and how it ends."""

import os
import pty
import select
import time


class Terminal:
    def __init__(self, command: list[str], environment: dict[str, str]):
        self.pid, self.file = pty.fork()
        if self.pid == 0:
            os.execve(command[0], command, environment)
        self.drawn = ""

    def type(self, keys: bytes) -> None:
        os.write(self.file, keys)

    def read(self, seconds: float) -> bool:
        """Reads what has been drawn; false when the terminal is closed."""
        if not select.select([self.file], [], [], seconds)[0]:
            return True
        try:
            chunk = os.read(self.file, 65536)
        except OSError:  # Linux says so when the other side has gone
            return False
        self.drawn += chunk.decode(errors="replace")
        return bool(chunk)

    def read_until(self, text: str, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.drawn:
            assert self.read(0.1) or text in self.drawn, self.drawn
            assert time.monotonic() < deadline, self.drawn

    def wait(self, seconds: float = 30) -> int:
        """The exit code."""
        deadline = time.monotonic() + seconds
        while self.read(0.1):
            assert time.monotonic() < deadline, self.drawn
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                self.read(0.1)
                return os.waitstatus_to_exitcode(status)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
