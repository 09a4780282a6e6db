"""Every command of the steward's guide, run as it stands there against a real server, with the answers that stand there.

In an expected line `…` stands for anything. A digest of the page stands for the one that the server gives.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import BINARY, REPOSITORY, Gateway

GUIDE = REPOSITORY / "docs/guides/steward.md"
FOLDER = REPOSITORY / "docs/guides/steward"
KEYS = {"ANA_KEY": "ana-key-0123456789-0123456789-0123456789", "SUE_KEY": "sue-key-0123456789-0123456789-0123456789"}
DIGEST = re.compile(r"\b[0-9a-f]{32}\b")


def steps(text: str) -> list[tuple[str, list[str]]]:
    """Commands of the page with the lines that they print: blocks marked `console`, commands begin with `$ `."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"^```console\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


class Reader:
    """Who follows the page: a shell with its profiles, and the digests that were shown."""

    def __init__(self, gateway: Gateway):
        self.gateway = gateway
        self.digests: dict[str, str] = {}
        profiles = gateway.folder / "profiles.toml"
        texts = [f'[profile.{name}]\nurl = "{gateway.url}"\nauth = "env://{name.upper()}_KEY"\n' for name in ("ana", "sue")]
        profiles.write_text("".join(texts))
        profiles.chmod(0o600)
        self.environment = gateway.environment(
            PATH=f"{BINARY.parent}:/usr/bin:/bin", LAKEGATE_CONFIG=str(profiles), **KEYS)

    def run(self, command: str) -> list[str]:
        for shown, real in self.digests.items():
            command = command.replace(shown, real)
        done = subprocess.run(["bash", "-c", command], cwd=self.gateway.folder / "steward", env=self.environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=120, check=False)
        return done.stdout.splitlines()

    def check(self, command: str, expected: list[str]) -> None:
        printed = self.run(command)
        story = f"$ {command}\n" + "\n".join(printed)
        assert len(printed) == len(expected), story
        for want, line in zip(expected, printed):
            for shown, real in zip(DIGEST.findall(want), DIGEST.findall(line)):
                self.digests.setdefault(shown, real)
            for shown, real in self.digests.items():
                want = want.replace(shown, real)
            pattern = ".*".join(re.escape(part) for part in want.split("…"))
            assert re.fullmatch(pattern, line), f"{want!r} is not what is printed:\n{story}"


@pytest.fixture
def reader(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "steward")
    gateway = Gateway(tmp_path)
    # One of the two lakes: the other one is what it becomes.
    start = tmp_path / "start"
    start.mkdir()
    for name in ("lake.yaml", "policies.cedar"):
        shutil.copy(FOLDER / name, start / name)
    shutil.copytree(FOLDER / "data", start / "data")
    gateway.lake = start
    gateway.keys = KEYS
    gateway.data = tmp_path / "steward/state"
    gateway.start()
    yield Reader(gateway)
    gateway.process.stop(seconds=15)


def test_the_page_has_its_story():
    commands = [command for command, _ in steps(GUIDE.read_text())]
    for wanted in ("lakegate sql -q --as ana", "lakegate policy explain", "lakegate diff", "--approve-gains", "lakegate audit list", "lakegate audit verify",
                   "lakegate policy history", "lakegate policy diff", "lakegate rollback"):
        assert any(wanted in command for command in commands), wanted


def test_every_command_prints_what_the_page_says(reader):
    for command, expected in steps(GUIDE.read_text()):
        reader.check(command, expected)


def test_the_test_can_fail(reader):
    with pytest.raises(AssertionError, match="is not what is printed"):
        reader.check("lakegate sql -q --as ana -o csv -e 'select 1 as one'", ['"one"', '"2"'])
    with pytest.raises(AssertionError):
        reader.check("lakegate sql -q --as ana -o csv -e 'select 1 as one'", ['"one"'])
