#!/usr/bin/env bash
# The demo with its relational part in the PostgreSQL that tests/servers/run.py has just started.
#   python3 tests/servers/run.py --only postgres -- scripts/demo-postgres.sh BINARY [--check]
set -euo pipefail
binary=$1
shift

export PATH="$LAKEGATE_TEST_PG_BIN:$PATH" # psql
export PGHOST=$LAKEGATE_TEST_PG_HOST PGPORT=$LAKEGATE_TEST_PG_PORT PGDATABASE=$LAKEGATE_TEST_PG_DATABASE
export PGUSER=$LAKEGATE_TEST_PG_USER PGPASSWORD=$LAKEGATE_TEST_PG_PASSWORD
export LAKEGATE_DEMO_PG_HOST=$PGHOST LAKEGATE_DEMO_PG_PORT=$PGPORT LAKEGATE_DEMO_PG_DATABASE=$PGDATABASE
export LAKEGATE_DEMO_PG_USER=$PGUSER LAKEGATE_DEMO_PG_PASSWORD=$PGPASSWORD

python3 "$(dirname "$0")/../demo/load_postgres.py"
exec "$binary" demo --postgres "$@"
