#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs what is in this bundle on the machine's first NVIDIA GPU: no .NET, no network, no installation.
#
#   ./run.sh test [area]               GPU tests of an area (core, gemm, ...), or of all
#   ./run.sh bench [area]              benchmarks
#   ./run.sh sanitize [tool] [area]    the tests under compute-sanitizer: memcheck (if none is named), racecheck, synccheck, initcheck, or
#                                      all of these
#
# Needed: an NVIDIA driver; for gemm, whose kernels are compiled here, NVRTC 12.3 or newer (DEEPINFRA_NVRTC_PATH, or a CUDA toolkit in
# CUDA_HOME, /usr/local/cuda or on PATH, or a Python environment's); for sanitize, compute-sanitizer (DEEPINFRA_COMPUTE_SANITIZER, or a
# CUDA toolkit's).
#
# Results go to results/ (DEEPINFRA_RESULTS names another folder): <check>-<area>.json and .log, the benchmarks' figures as
# <date>-<gpu>-<area>.json, and verification.json, which collects the verdicts for the project's ledger. DEEPINFRA_CUDA=sim runs
# everything on the simulator, which needs g++, to check the bundle itself.
#
# Exit code: 0 all passed, 1 something failed (the log says what), 2 wrong arguments, 3 no GPU, 4 no compute-sanitizer.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
results=${DEEPINFRA_RESULTS:-$here/results}
tools=(memcheck racecheck synccheck initcheck)
export DEEPINFRA_NATIVE_PATH=$here/native DEEPINFRA_CACHE_DIR=${DEEPINFRA_CACHE_DIR:-$here/cache} DOTNET_CLI_TELEMETRY_OPTOUT=1

die() {
    echo "run.sh: $2" >&2
    exit "$1"
}

# --- arguments ---

areas=$here/areas # lines of name, program, arguments
area_names() { cut -d ' ' -f 1 "$areas" | tr '\n' ' '; }
is_area() { cut -d ' ' -f 1 "$areas" | grep -qxF -- "$1"; }
is_tool() { [[ " ${tools[*]} all " == *" $1 "* ]]; }

verb=${1:-help} chosen_tools=() list=$(area_names)
[ $# -eq 0 ] || shift
case $verb in
test | bench) ;;
sanitize)
    chosen_tools=(memcheck)
    if [ $# -gt 0 ] && is_tool "$1"; then
        chosen_tools=("$1")
        [ "$1" != all ] || chosen_tools=("${tools[@]}")
        shift
    elif [ $# -gt 0 ] && ! is_area "$1"; then
        die 2 "there is no tool or area $1: ${tools[*]} all; $(area_names)"
    fi
    ;;
help | -h | --help)
    sed -n '3,/^set -/{/^set -/d; s/^# \{0,1\}//; p}' "${BASH_SOURCE[0]}"
    exit 0
    ;;
*) die 2 "unknown verb $verb: test, bench, sanitize or help" ;;
esac
if [ $# -gt 0 ]; then
    is_area "$1" || die 2 "there is no area $1: $(area_names)"
    list=$1
    shift
fi
[ $# -eq 0 ] || die 2 "$verb takes no further argument: $*"

# --- the machine ---

# Where a CUDA toolkit is, or nothing.
toolkit() {
    local nvcc
    if [ -n "${CUDA_HOME:-${CUDA_PATH:-}}" ]; then
        echo "${CUDA_HOME:-$CUDA_PATH}"
    elif [ -d /usr/local/cuda ]; then
        echo /usr/local/cuda
    elif nvcc=$(command -v nvcc); then
        dirname "$(dirname "$(readlink -f "$nvcc")")"
    fi
}

# Where NVRTC is, if nobody said it.
find_nvrtc() {
    [ -z "${DEEPINFRA_NVRTC_PATH:-}" ] || return 0
    local home folder library
    home=$(toolkit)
    if [ -n "$home" ] && compgen -G "$home/lib64/libnvrtc.so*" >/dev/null; then
        export CUDA_HOME=$home
        return 0
    fi
    command -v python3 >/dev/null || return 0
    for folder in $(python3 -c 'import site; print("\n".join(site.getsitepackages() + [site.getusersitepackages()]))' 2>/dev/null || true); do
        for library in "$folder"/nvidia/*/lib/libnvrtc.so.1[23]; do
            [ ! -e "$library" ] || export DEEPINFRA_NVRTC_PATH=$library
        done
    done
}

simulated=()
if [ "${DEEPINFRA_CUDA:-}" = sim ]; then
    gpu=simulator driver=simulator
    simulated=(--filter-not-trait Category=Slow)
else
    export DEEPINFRA_REQUIRE_GPU=1
    # What the tests would find, so that a machine without a usable GPU says so once and not in every test.
    probe=$("$here/app/DeepInfra.Bench.Gpu" --probe 2>&1) || die 3 "$probe"
    gpu=$(head -n 1 <<<"$probe" | tr -d '"\\')
    driver=$(nvidia-smi --query-gpu=driver_version --format=csv,noheader -i 0 2>/dev/null | tr -d '"\\') || driver="for CUDA $(sed -n 2p <<<"$probe")"
    find_nvrtc
fi

sanitizer=
if [ "$verb" = sanitize ]; then
    home=$(toolkit)
    for sanitizer in "${DEEPINFRA_COMPUTE_SANITIZER:-}" "$(command -v compute-sanitizer || true)" "${home:+$home/bin/compute-sanitizer}" \
        "${home:+$home/compute-sanitizer/compute-sanitizer}"; do
        [ -n "$sanitizer" ] || continue
        [ ! -x "$sanitizer" ] || break
        [ "$sanitizer" != "${DEEPINFRA_COMPUTE_SANITIZER:-}" ] || die 4 "DEEPINFRA_COMPUTE_SANITIZER is $sanitizer, which is not a program"
        sanitizer=
    done
    [ -n "$sanitizer" ] ||
        die 4 "compute-sanitizer is missing: it is part of the CUDA toolkit; set DEEPINFRA_COMPUTE_SANITIZER to it, or CUDA_HOME to the toolkit, or put it on PATH"
fi
mkdir -p "$results"

# --- runs ---

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
    # What takes seconds on a GPU takes hours under a sanitizer.
    [ $# -eq 0 ] || [ "$gpu" = simulator ] || arguments+=(--filter-not-trait Category=Slow)
    rm -f "$results/$name.trx"
    "$@" "$here/app/$program" "${arguments[@]}" "${simulated[@]}" --report-trx --report-trx-filename "$name.trx" --results-directory "$results" \
        --output Normal --progress off 2>&1 | tee "$results/$name.log" || status=$?
    local counters passed=0 failed=0 total=0 executed=0
    counters=$(grep -o '<Counters [^>]*>' "$results/$name.trx" 2>/dev/null || true)
    count() { sed -n "s/.* $1=\"\([0-9]*\)\".*/\1/p" <<<"$counters"; }
    if [ -n "$counters" ]; then
        total=$(count total) executed=$(count executed) passed=$(count passed) failed=$(count failed)
    fi
    local result=passed why=
    if [ "$status" -ne 0 ] || [ "$passed" -eq 0 ] || [ "$failed" -ne 0 ]; then
        result=failed
        why=" (exit code $status, see $results/$name.log)"
        [ "$status" -ne "$findings" ] || [ $# -eq 0 ] || why=" (compute-sanitizer reports errors, see $results/$name.log)"
    fi
    record "$check" "$area" "$result" "$passed" "$failed" "$((total - executed))"
    echo "$check $area: $result: $passed passed, $failed failed, $((total - executed)) skipped on $gpu$why"
    [ "$result" = passed ]
}

# run_benchmarks AREA: figures of an area, in the name and form of the project's bench/results.
run_benchmarks() {
    local area=$1 status=0 count=0 options=() figures
    figures=$results/$(date -u +%Y-%m-%d)-$(tr -cs 'A-Za-z0-9' '-' <<<"${gpu,,}" | sed 's/-*$//')-$area.json
    [ "$gpu" != simulator ] || options=(--smoke)
    rm -f "$figures"
    "$here/app/DeepInfra.Bench.Gpu" "$figures" --area="$area" "${options[@]}" 2>&1 | tee "$results/benchmarks-$area.log" || status=$?
    [ ! -f "$figures" ] || count=$(grep -c '"microseconds"' "$figures")
    if [ "$status" -eq 0 ] && [ "$count" -gt 0 ]; then
        record benchmarks "$area" passed "$count" 0 0
        echo "benchmarks $area: $count figures in $figures"
        return 0
    fi
    record benchmarks "$area" failed 0 1 0
    echo "benchmarks $area: failed (exit code $status, see $results/benchmarks-$area.log)"
    return 1
}

readonly findings=86 # what compute-sanitizer ends with if it has something to report
failures=0
for area in $list; do
    case $verb in
    test) run_tests test "$area" || failures=$((failures + 1)) ;;
    bench) run_benchmarks "$area" || failures=$((failures + 1)) ;;
    sanitize)
        for tool in "${chosen_tools[@]}"; do
            run_tests "sanitize-$tool" "$area" "$sanitizer" --tool "$tool" --target-processes all --error-exitcode "$findings" ||
                failures=$((failures + 1))
        done
        ;;
    esac
done
echo "results are in $results; verification.json is for the ledger"
exit "$((failures > 0))"
