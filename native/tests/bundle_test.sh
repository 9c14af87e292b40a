#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# bundle_test.sh SCRIPT: the GPU bundle's run.sh with programs that only pretend: what it calls, records and ends with.
set -euo pipefail
script=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0
bundle="$work/the bundle"
mkdir -p "$bundle"/{app,native} "$work/toolkit/bin"
cp "$script" "$bundle/run.sh"
printf 'core Core.Tests\ngemm Gemm.Tests --filter-trait Category=Sim\n' >"$bundle/areas"
echo '{"commit":"c0ffee","isClean":true,"sources":{"core/cast":"0123"}}' >"$bundle/bundle.json"

# A GPU is there if the file is; the second figure is missing where BENCH_FAILS is set.
cat >"$bundle/app/DeepInfra.Bench.Gpu" <<'SH'
#!/bin/sh
[ -e "$(dirname "$0")/gpu" ] || [ "$DEEPINFRA_CUDA" = sim ] || { echo "no GPU: the CUDA driver was not found" >&2; exit 3; }
[ "$1" != --probe ] || { printf 'Pretended "GPU" 1\n13.0\n'; exit 0; }
echo "bench $*" >>"$CALLS"
[ -z "$BENCH_FAILS" ] || exit 1
printf '{"results":[{"microseconds": 1},\n{"microseconds": 2}]}\n' >"$1"
SH
cat >"$bundle/app/Core.Tests" <<'SH'
#!/bin/sh
echo "$(basename "$0") $*" >>"$CALLS"
while [ $# -gt 0 ]; do case $1 in --report-trx-filename) name=$2 ;; --results-directory) folder=$2 ;; esac; shift; done
echo "<Counters total=\"5\" executed=\"4\" passed=\"$((4 - ${TESTS_FAIL:-0}))\" failed=\"${TESTS_FAIL:-0}\" />" >"$folder/$name"
[ -z "$TESTS_FAIL" ] || exit 2
SH
cp "$bundle/app/Core.Tests" "$bundle/app/Gemm.Tests"
cat >"$work/toolkit/bin/compute-sanitizer" <<'SH'
#!/bin/sh
echo "sanitizer $1 $2 $3 $4 $5 $6" >>"$CALLS"
tool=$2
shift 6
"$@" || exit $?
[ "$tool" != racecheck ] || exit 86
SH
chmod +x "$bundle"/app/* "$work/toolkit/bin/compute-sanitizer"

# expect STATUS OUTPUT [VARIABLE=...]... -- ARGUMENTS...: runs the script with a bare environment and empty results.
expect() {
    local status=$1 output=$2 actual=0 variables=()
    shift 2
    while [ "$1" != -- ]; do
        variables+=("$1")
        shift
    done
    shift
    rm -rf "$bundle/results" "$work/calls"
    env -i PATH=/usr/bin:/bin CALLS="$work/calls" "${variables[@]}" "$bundle/run.sh" "$@" >"$work/output" 2>&1 || actual=$?
    [ "$actual" = "$status" ] || complain "$*: expected status $status, got $actual"
    grep -qF -- "$output" "$work/output" || complain "$*: expected '$output'"
}
complain() {
    echo "$1; the output:" >&2
    cat "$work/output" >&2
    failures=$((failures + 1))
}
called() { grep -qxF -- "$1" "$work/calls" || complain "not called: $1, but $(cat "$work/calls")"; }
recorded() { grep -qF -- "$2" "$bundle/results/$1" || complain "$1 has no $2, but $(cat "$bundle/results/$1")"; }

expect 0 "Exit code: 0 all passed" -- help
expect 2 "unknown verb tests" -- tests
expect 2 "there is no area ep: core gemm" -- test ep
expect 2 "there is no tool or area leakcheck" -- sanitize leakcheck
expect 2 "there is no area core2" -- sanitize memcheck core2
expect 2 "bench takes no further argument: gemm" -- bench core gemm
expect 3 "no GPU: the CUDA driver was not found" -- test
[ ! -e "$bundle/results" ] || complain "results without a GPU"

touch "$bundle/app/gpu"
expect 0 "test gemm: passed: 4 passed, 0 failed, 1 skipped on Pretended GPU 1" -- test
called "Gemm.Tests --filter-trait Category=Sim --report-trx --report-trx-filename test-gemm.trx --results-directory $bundle/results --output Normal --progress off"
recorded test-core.json '"area":"core","check":"test","result":"passed","passed":4,"failed":0,"skipped":1'
recorded test-core.json '"gpu":"Pretended GPU 1"'
recorded verification.json '"sources":{"core/cast":"0123"}'
[ "$(grep -c '"area"' "$bundle/results/verification.json")" = 2 ] || complain "verification.json has not both areas"
! command -v python3 >/dev/null || python3 -m json.tool "$bundle/results/verification.json" >/dev/null || complain "verification.json is no JSON"
expect 1 "test core: failed: 3 passed, 1 failed, 1 skipped on Pretended GPU 1 (exit code 2, see" TESTS_FAIL=1 -- test core
recorded test-core.json '"result":"failed","passed":3,"failed":1'
expect 1 "test core: failed: 0 passed" TESTS_FAIL=4 -- test core

expect 4 "compute-sanitizer is missing: it is part of the CUDA toolkit; set DEEPINFRA_COMPUTE_SANITIZER" CUDA_HOME="$work" -- sanitize
expect 4 "DEEPINFRA_COMPUTE_SANITIZER is /none, which is not a program" DEEPINFRA_COMPUTE_SANITIZER=/none -- sanitize
expect 0 "sanitize-memcheck core: passed" PATH="$work/toolkit/bin:/usr/bin:/bin" -- sanitize core
called "sanitizer --tool memcheck --target-processes all --error-exitcode 86"
called "Core.Tests --filter-not-trait Category=Slow --report-trx --report-trx-filename sanitize-memcheck-core.trx --results-directory $bundle/results --output Normal --progress off"
expect 1 "sanitize-racecheck gemm: failed: 4 passed, 0 failed, 1 skipped on Pretended GPU 1 (compute-sanitizer reports errors" \
    CUDA_HOME="$work/toolkit" -- sanitize all
for tool in memcheck racecheck synccheck initcheck; do
    called "sanitizer --tool $tool --target-processes all --error-exitcode 86"
    recorded "sanitize-$tool-gemm.json" "\"check\":\"sanitize-$tool\",\"result\":\"$([ $tool = racecheck ] && echo failed || echo passed)\""
done

figures="$bundle/results/$(date -u +%Y-%m-%d)-pretended-gpu-1-core.json"
expect 0 "benchmarks core: 2 figures in $figures" -- bench core
called "bench $figures --area=core"
recorded benchmarks-core.json '"result":"passed","passed":2'
expect 1 "benchmarks core: failed (exit code 1" BENCH_FAILS=1 -- bench core
recorded verification.json '"check":"benchmarks","result":"failed"'
expect 0 "on simulator" DEEPINFRA_CUDA=sim -- test core
recorded test-core.json '"gpu":"simulator","driver":"simulator"'

exit "$failures"
