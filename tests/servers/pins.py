"""Which versions of the servers the tests use: reads pins.toml."""

import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
TOOLS = REPOSITORY / ".tools"

PINS = tomllib.loads((HERE / "pins.toml").read_text())
