#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs what is in this bundle on the machine's first NVIDIA GPU. Needs the driver and nothing else: no .NET, no CUDA toolkit, no network.
#
#   ./run.sh test [arguments of the test program]   GPU tests; a skipped test counts as a failure
#   ./run.sh bench                                  benchmarks
#   ./run.sh sanitize [memcheck|racecheck|...]      the tests under compute-sanitizer (of a CUDA toolkit)
#
# Results go to results/: test.json, bench.json, sanitize-<tool>.json, the logs, and verification.json, which collects them for the
# project's ledger. DEEPINFRA_CUDA=sim runs the tests on the simulator, to check the bundle itself.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
results=${DEEPINFRA_RESULTS:-$here/results}
mkdir -p "$results"
export DEEPINFRA_NATIVE_PATH=$here/native DOTNET_CLI_TELEMETRY_OPTOUT=1
if [ "${DEEPINFRA_CUDA:-}" != sim ]; then
    export DEEPINFRA_REQUIRE_GPU=1
fi

gpu=$(nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | head -n 1 || true)
driver=$(nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>/dev/null | head -n 1 || true)
[ "${DEEPINFRA_CUDA:-}" = sim ] && gpu=simulator driver=simulator
[ -n "$gpu" ] || { echo "run.sh: nvidia-smi names no GPU" >&2; exit 3; }

# write NAME STATUS PASSED FAILED SKIPPED: one JSON object per kind of run, and all of them together.
write() {
    printf '{"area":"core","check":"%s","result":"%s","passed":%s,"failed":%s,"skipped":%s,"date":"%s","gpu":"%s","driver":"%s","bundle":%s}\n' \
        "$1" "$2" "$3" "$4" "$5" "$(date -u +%Y-%m-%d)" "$gpu" "$driver" "$(tr -d '\n' <"$here/bundle.json")" >"$results/$1.json"
    {
        echo '['
        local first=1 file
        for file in "$results"/test.json "$results"/sanitize-*.json "$results"/bench-run.json; do
            [ -f "$file" ] || continue
            [ "$first" = 1 ] || echo ','
            first=0
            cat "$file"
        done
        echo ']'
    } >"$results/verification.json"
}

# run_tests NAME COMMAND...: runs the test program below a command and records the counts of its report.
run_tests() {
    local name=$1 status=0
    shift
    rm -f "$results/$name.trx"
    "$@" --report-trx --report-trx-filename "$name.trx" --results-directory "$results" --output Normal 2>&1 | tee "$results/$name.log" || status=$?
    local counters passed=0 failed=0 total=0 executed=0
    counters=$(grep -o '<Counters [^>]*>' "$results/$name.trx" 2>/dev/null || true)
    count() { sed -n "s/.* $1=\"\([0-9]*\)\".*/\1/p" <<<"$counters"; }
    if [ -n "$counters" ]; then
        total=$(count total) executed=$(count executed) passed=$(count passed) failed=$(count failed)
    fi
    local result=passed
    if [ "$status" -ne 0 ] || [ "$passed" -eq 0 ] || [ "$failed" -ne 0 ]; then
        result=failed
    fi
    write "$name" "$result" "$passed" "$failed" "$((total - executed))"
    echo "$name: $passed passed, $failed failed, $((total - executed)) skipped on $gpu"
    [ "$result" = passed ]
}

verb=${1:-test}
[ $# -gt 0 ] && shift
case $verb in
test)
    run_tests test "$here/app/DeepInfra.Cuda.Tests" "$@"
    ;;
sanitize)
    tool=${1:-memcheck}
    command -v compute-sanitizer >/dev/null || { echo "run.sh: compute-sanitizer is not on PATH" >&2; exit 3; }
    run_tests "sanitize-$tool" compute-sanitizer --tool "$tool" --target-processes all --error-exitcode 86 "$here/app/DeepInfra.Cuda.Tests"
    ;;
bench)
    status=0
    "$here/app/DeepInfra.Bench.Gpu" "$results/bench.json" "$@" 2>&1 | tee "$results/bench.log" || status=$?
    if [ "$status" -eq 0 ]; then write bench-run passed 1 0 0; else write bench-run failed 0 1 0; fi
    exit "$status"
    ;;
*)
    echo "run.sh: unknown verb $verb: test, bench or sanitize" >&2
    exit 2
    ;;
esac
