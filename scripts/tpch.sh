#!/usr/bin/env bash
# Writes TPC-H of scale factor 1 as Parquet below .tools, once, and prints the directory.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$PWD/.tools/tpch-sf1
if [ ! -e "$target/done" ]; then
    python3 -m venv .tools/tpchgen >&2
    .tools/tpchgen/bin/pip install --quiet tpchgen-cli==4.0.0 >&2
    mkdir -p "$target"
    .tools/tpchgen/bin/tpchgen-cli parquet --scale-factor 1 --output-dir "$target" >&2
    touch "$target/done"
fi
echo "$target"
