#!/usr/bin/env bash
# Installs the system packages that the test servers need, where they are missing.
#
#   tests/servers/install.sh [build] [cvc5] [postgres] [s3] [dynamodb] [keycloak] [python]      (default: all of them)
#
# As root it uses apt-get; otherwise it names what is missing and how to get it. Nothing is started.
set -euo pipefail

missing=()   # Debian packages
want() {     # want COMMAND-OR-FILE PACKAGE…
  local what=$1
  shift
  if [[ $what == /* ]]; then [[ -x $what ]] && return; else command -v "$what" >/dev/null && return; fi
  missing+=("$@")
}

parts=("$@")
[[ ${#parts[@]} -gt 0 ]] || parts=(build cvc5 postgres s3 dynamodb keycloak python)

for part in "${parts[@]}"; do
  case $part in
    build)
      want cc gcc libc6-dev
      want make make
      command -v cargo >/dev/null || {
        echo "install.sh: cargo is missing: install Rust with rustup (rust-toolchain.toml names the version)" >&2
        exit 1
      }
      ;;
    cvc5)
      [[ -n ${CVC5:-} ]] || want cvc5 cvc5
      ;;
    postgres)
      want /usr/lib/postgresql/15/bin/postgres postgresql-15 postgresql-contrib
      want openssl openssl
      want setpriv util-linux
      ;;
    s3)
      command -v go >/dev/null || {
        echo "install.sh: go is missing: the S3 test server is built with Go 1.25 or newer, which Debian 12 does not package" >&2
        exit 1
      }
      want openssl openssl
      want setpriv util-linux
      ;;
    dynamodb | keycloak)
      want java openjdk-17-jre-headless
      want mvn maven
      want setpriv util-linux
      ;;
    python)
      want python3 python3 python3-venv
      python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
      ;;
    *)
      echo "install.sh: unknown part \`$part\`: choose from build, cvc5, postgres, s3, dynamodb, keycloak, python" >&2
      exit 2
      ;;
  esac
done

[[ ${#missing[@]} -gt 0 ]] || exit 0

if [[ $(id -u) -ne 0 ]]; then
  echo "install.sh: missing packages. Please run: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
  exit 1
fi
if ! command -v apt-get >/dev/null; then
  echo "install.sh: missing, and this is not a Debian system: ${missing[*]}" >&2
  exit 1
fi

# Without this, installing PostgreSQL makes a cluster of its own on port 5432.
if [[ " ${missing[*]} " == *" postgresql-15 "* && ! -e /etc/postgresql-common/createcluster.conf ]]; then
  mkdir -p /etc/postgresql-common
  echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
fi

echo "install.sh: installing ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
apt-get update -qq
apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold "${missing[@]}" >/dev/null
