#!/usr/bin/env bash
# Every test, part by part; called by “make test” after “make check”. All parts run, and one that fails fails the whole.
# What passed is left in build/outcomes, for docs/features.md.
set -uo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
DEBIAN_POSTGRES=${DEBIAN_POSTGRES:-/usr/lib/postgresql/15/bin}
export PYTEST_ADDOPTS="--hypothesis-profile=ci" # the same examples each time, no deadline: a busy machine is not a failure
failed=()

rm -rf build/outcomes build/coverage
mkdir -p build/outcomes build/coverage

# part NAME COMMAND…: says what runs, runs it, remembers whether it failed.
part() {
  local name=$1
  shift
  echo "── $name"
  ANDON_OUTCOMES="build/outcomes/${name// /-}.json" COVERAGE_FILE="build/coverage/${name// /-}" "$@" || failed+=("$name")
}

# No part is waited for longer than three quarters of an hour; the longest takes a quarter of it on two cores.
pytests() { timeout --foreground --signal INT --kill-after 60 2700 pytest -n 2 --tb=short "$@"; }

# Per package and in total: percent of lines and branches that a test ran.
coverage_by_package() {
  export COVERAGE_FILE=build/coverage/all
  coverage combine -q --keep build/coverage/unit* build/coverage/integration* && coverage json -q -o build/coverage/all.json || return
  python - <<'PY'
import json
from collections import defaultdict

report = json.load(open("build/coverage/all.json"))
sums = defaultdict(lambda: [0, 0])
for file, figures in report["files"].items():
    parts = file.split("/")[:-1]
    there = figures["summary"]
    sums["/".join(parts[:2])][0] += there["covered_lines"] + there["covered_branches"]
    sums["/".join(parts[:2])][1] += there["num_statements"] + there["num_branches"]
for package, (covered, total) in sorted(sums.items()):
    print(f"  {package:24} {100 * covered / max(total, 1):5.1f} %  of {total}")
print(f"  {'coverage in total':24} {report['totals']['percent_covered']:5.1f} %  (browser tests and child processes not counted)")
PY
}

part "unit" pytests tests/unit --cov --cov-report=
part "integration on PostgreSQL 18" pytests tests/integration --cov --cov-report=
part "coverage" coverage_by_package
if [ -x "$DEBIAN_POSTGRES/postgres" ]; then # what starts a server of its own does so on the embedded one alone
  ANDON_TEST_POSTGRES=$DEBIAN_POSTGRES part "integration on PostgreSQL 15" pytests tests/integration \
    -m "not kill and not embedded" --ignore tests/integration/test_embedded.py --ignore tests/integration/test_serving.py
else
  echo "── integration on PostgreSQL 15: left out, there is no $DEBIAN_POSTGRES (Debian's package postgresql)"
fi
part "browser" pytests tests/browser
part "features" python -m tests.features --check

if [ ${#failed[@]} -gt 0 ]; then
  printf 'FAILED: %s\n' "${failed[@]}"
  exit 1
fi
echo "All parts passed."
