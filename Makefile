# What one does with this repository. `make help` lists it.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: analyze help demo test check tidy bench openapi fuzz-governance fuzz-sql mutants deny servers

TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
BIN := $(TARGET_DIR)/debug/lakegate
CHECK_FLAG := $(if $(filter 1,$(CHECK)),--check)
SEED ?= 1
SOURCE ?= files
CHAOS ?= 0
CASES ?= 2000
# Worlds of a fuzzer write much that nobody keeps.
MEMORY := $(if $(wildcard /dev/shm/.),TMPDIR=/dev/shm)
N ?= 150
SET ?= decisions govern

# rust-toolchain.toml also names clippy and rustfmt. Only `check` needs them: where they cannot be installed, everything
# else works with the bare toolchain of that version.
ifeq ($(shell cargo --version 2>/dev/null),)
export RUSTUP_TOOLCHAIN := $(shell sed -n 's/^channel *= *"\(.*\)"/\1/p' rust-toolchain.toml)
endif

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## one federated query as four people; CHECK=1 verifies and exits; POSTGRES=1 with a real PostgreSQL
	@tests/servers/install.sh build $(if $(filter 1,$(POSTGRES)),postgres python)
	cargo build -p lakegate
ifeq ($(POSTGRES),1)
	python3 tests/servers/run.py --only postgres -- scripts/demo-postgres.sh $(BIN) $(CHECK_FLAG)
else
	$(BIN) demo $(CHECK_FLAG)
endif

test: ## everything, with real servers: installs what it needs, starts them, runs, stops them
	@python3 scripts/test.py

check: ## quick: format, lints, unit tests of the crates, tidy tests
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo test --workspace --lib --bins
	$(MAKE) tidy

tidy: ## the rules of the house that a compiler does not know
	cargo test --workspace --test tidy

bench: ## measured in the release profile; BENCH="small decisions governed"
	cargo build --release -p lakegate -p lakegate-bench
	LAKEGATE_BIN=$(abspath $(TARGET_DIR)/release/lakegate) LAKEGATE_TPCH=$$(scripts/tpch.sh) \
		$(TARGET_DIR)/release/lakegate-bench $(BENCH)

openapi: ## regenerate openapi/v1.json and openapi/lake.schema.json from the code
	UPDATE_GOLDEN=1 cargo test -p lakegate --lib golden

analyze: ## build `lakegate-analyze`, which `lakegate policy analyze` runs, beside the binary; it needs cvc5 to run
	@tests/servers/install.sh build cvc5
	cargo build --manifest-path analyze/Cargo.toml --target-dir $(TARGET_DIR)/analyze
	@mkdir -p $(dir $(BIN))
	cp $(TARGET_DIR)/analyze/debug/lakegate-analyze $(dir $(BIN))

fuzz-sql: ## random SQL, governed against a pre-filtered copy; SEED=1 CASES=2000
	LAKEGATE_FUZZ_SEED=$(SEED) LAKEGATE_FUZZ_CASES=$(CASES) cargo test --workspace --test fuzz_sql -- --nocapture

fuzz-governance: ## random lakes, policies and questions against an interpreter; SEED=1 CASES=2000 SOURCE=files|postgres|sqlite CHAOS=0|1
	cargo test --profile fuzz --workspace --test governance_cases --no-run
	$(if $(filter postgres,$(SOURCE)),python3 tests/servers/run.py --only postgres -- )env $(MEMORY) LAKEGATE_FUZZ_SEED=$(SEED) \
	  LAKEGATE_FUZZ_CASES=$(CASES) LAKEGATE_FUZZ_SOURCE=$(SOURCE) LAKEGATE_FUZZ_CHAOS=$(CHAOS) \
	  cargo test --profile fuzz --workspace --test governance_cases -- --nocapture --exact fuzz::fuzz_governance
mutants: ## small wrong changes of policy and query/govern that tests must notice; SET="decisions govern" SEED=1 N=150 (0: all)
	@python3 scripts/mutants.py $(SET) --seed $(SEED) --n $(N)

deny: ## licences, bans and origins of all dependencies (needs cargo-deny)
	cargo deny --workspace check bans licenses sources

servers: ## hold the test servers until Ctrl-C; `source .tools/servers.env` in another shell
	@tests/servers/install.sh postgres s3 dynamodb keycloak python
	@mkdir -p .tools
	python3 tests/servers/run.py --env-file .tools/servers.env
