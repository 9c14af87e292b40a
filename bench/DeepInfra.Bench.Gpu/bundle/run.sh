#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs what is in this bundle on the machine's first NVIDIA GPU: no .NET, no network, no installation. Kernels of the area gemm are
# compiled here, by NVRTC of the machine's CUDA toolkit (12.3 or newer) or of a Python environment.
#
#   ./run.sh test [area]               GPU tests of an area (core, gemm, ...), or of all
#   ./run.sh bench [area]              benchmarks
#   ./run.sh sanitize [tool] [area]    the tests under compute-sanitizer of a CUDA toolkit: memcheck (default), racecheck, synccheck
#
# Results go to results/ (DEEPINFRA_RESULTS names another folder): <check>-<area>.json, bench-<area>.json with the figures, the logs, and
# verification.json, which collects the verdicts for the project's ledger. DEEPINFRA_CUDA=sim runs everything on the simulator, which
# needs g++, to check the bundle itself.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
results=${DEEPINFRA_RESULTS:-$here/results}
mkdir -p "$results"
export DEEPINFRA_NATIVE_PATH=$here/native DEEPINFRA_CACHE_DIR=${DEEPINFRA_CACHE_DIR:-$here/cache} DOTNET_CLI_TELEMETRY_OPTOUT=1

die() {
    echo "run.sh: $2" >&2
    exit "$1"
}

simulated=()
if [ "${DEEPINFRA_CUDA:-}" = sim ]; then
    gpu=simulator driver=simulator
    simulated=(--filter-not-trait Category=Slow)
else
    export DEEPINFRA_REQUIRE_GPU=1
    gpu=$(nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | head -n 1 || true)
    driver=$(nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>/dev/null | head -n 1 || true)
    [ -n "$gpu" ] || die 3 "nvidia-smi names no GPU"
    # Where NVRTC may be, if nobody said it: the usual place of toolkits, that of nvcc, the packages of Python.
    if [ -z "${CUDA_HOME:-}${CUDA_PATH:-}${DEEPINFRA_NVRTC_PATH:-}" ]; then
        if [ -e /usr/local/cuda/lib64/libnvrtc.so ]; then
            export CUDA_HOME=/usr/local/cuda
        elif nvcc=$(command -v nvcc); then
            CUDA_HOME=$(dirname "$(dirname "$(readlink -f "$nvcc")")")
            export CUDA_HOME
        elif command -v python3 >/dev/null; then
            for folder in $(python3 -c 'import site; print("\n".join(site.getsitepackages() + [site.getusersitepackages()]))' 2>/dev/null); do
                for library in "$folder"/nvidia/*/lib/libnvrtc.so.1[23]; do
                    [ ! -e "$library" ] || export DEEPINFRA_NVRTC_PATH=$library
                done
            done
        fi
    fi
fi

# The areas of this bundle: lines of name, program, arguments.
areas=$here/areas
area_names() { cut -d ' ' -f 1 "$areas"; }
selected() {
    if [ -z "${1:-}" ]; then
        area_names
    elif area_names | grep -qx -- "$1"; then
        echo "$1"
    else
        die 2 "there is no area $1: $(area_names | tr '\n' ' ')"
    fi
}

# record CHECK AREA RESULT PASSED FAILED SKIPPED: one JSON object per check and area, and all of them together.
record() {
    printf '{"area":"%s","check":"%s","result":"%s","passed":%s,"failed":%s,"skipped":%s,"date":"%s","gpu":"%s","driver":"%s","bundle":%s}\n' \
        "$2" "$1" "$3" "$4" "$5" "$6" "$(date -u +%Y-%m-%d)" "$gpu" "$driver" "$(tr -d '\n' <"$here/bundle.json")" >"$results/$1-$2.json"
    {
        echo '['
        local first=1 file
        for file in "$results"/test-*.json "$results"/sanitize-*.json "$results"/benchmarks-*.json; do
            [ -f "$file" ] || continue
            [ "$first" = 1 ] || echo ','
            first=0
            cat "$file"
        done
        echo ']'
    } >"$results/verification.json"
}

# run_tests CHECK AREA [COMMAND...]: runs the test program of an area below a command and records the counts of its report.
run_tests() {
    local check=$1 area=$2 status=0 name=$1-$2
    shift 2
    local program arguments
    program=$(sed -n "s/^$area \([^ ]*\).*/\1/p" "$areas")
    read -ra arguments <<<"$(sed -n "s/^$area [^ ]* *//p" "$areas")"
    rm -f "$results/$name.trx"
    "$@" "$here/app/$program" "${arguments[@]}" "${simulated[@]}" --report-trx --report-trx-filename "$name.trx" --results-directory "$results" \
        --output Normal --progress off 2>&1 | tee "$results/$name.log" || status=$?
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
    record "$check" "$area" "$result" "$passed" "$failed" "$((total - executed))"
    echo "$check $area: $passed passed, $failed failed, $((total - executed)) skipped on $gpu"
    [ "$result" = passed ]
}

verb=${1:-test}
[ $# -gt 0 ] && shift
failures=0
case $verb in
test)
    list=$(selected "${1:-}")
    for area in $list; do
        run_tests test "$area" || failures=$((failures + 1))
    done
    ;;
sanitize)
    tool=${1:-memcheck}
    list=$(selected "${2:-}")
    command -v compute-sanitizer >/dev/null || die 3 "compute-sanitizer is not on PATH"
    for area in $list; do
        run_tests "sanitize-$tool" "$area" compute-sanitizer --tool "$tool" --target-processes all --error-exitcode 86 || failures=$((failures + 1))
    done
    ;;
bench)
    list=$(selected "${1:-}")
    [ "${DEEPINFRA_CUDA:-}" != sim ] || smoke=--smoke
    for area in $list; do
        status=0
        "$here/app/DeepInfra.Bench.Gpu" "$results/bench-$area.json" --area="$area" ${smoke:+"$smoke"} 2>&1 | tee "$results/bench-$area.log" || status=$?
        if [ "$status" -eq 0 ]; then
            record benchmarks "$area" passed 1 0 0
        else
            record benchmarks "$area" failed 0 1 0
            failures=$((failures + 1))
        fi
    done
    ;;
*)
    die 2 "unknown verb $verb: test, bench or sanitize"
    ;;
esac
exit "$((failures > 0))"
