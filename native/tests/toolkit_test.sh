#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# toolkit_test.sh SCRIPT: the order in which cuda-toolkit.sh looks for a toolkit, and which mirror it takes from apt's sources. Downloads
# nothing.
set -euo pipefail
script=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# expect NAME STATUS OUTPUT COMMAND...: runs a command with a bare environment.
expect() {
    local name=$1 status=$2 output=$3 actual_status=0 actual
    shift 3
    actual=$(env -i PATH=/usr/bin:/bin HOME="$work/home" XDG_CACHE_HOME="$work/cache" "$@" 2>"$work/errors") || actual_status=$?
    if [ "$actual_status" != "$status" ] || [ "$actual" != "$output" ]; then
        echo "$name: expected status $status and '$output', got $actual_status and '$actual'" >&2
        cat "$work/errors" >&2
        failures=$((failures + 1))
    fi
}

# A folder that looks like a toolkit; its compiler tells the folder as the real one does.
toolkit() {
    mkdir -p "$1/bin"
    printf '#!/bin/sh\necho "#$ TOP=%s" >&2\n' "$1" >"$1/bin/nvcc"
    chmod +x "$1/bin/nvcc"
}
toolkit "$work/home-toolkit"
toolkit "$work/path-toolkit"
toolkit "$work/cache/deepinfra/cuda-12.4"
mkdir -p "$work/wrapper"
cp "$work/path-toolkit/bin/nvcc" "$work/wrapper/nvcc"

if ! command -v nvcc >/dev/null; then
    expect "nothing" 3 "" "$script" find
    echo "recipe 0" >"$work/cache/deepinfra/cuda-12.4/deepinfra.stamp"
    expect "private folder of another recipe" 3 "" "$script" find
    recipe=$(sed -n 's/^readonly recipe=\([0-9]*\).*/\1/p' "$script")
    echo "recipe $recipe" >"$work/cache/deepinfra/cuda-12.4/deepinfra.stamp"
    expect "private folder" 0 "$work/cache/deepinfra/cuda-12.4" "$script" find
    expect "private folder, nothing to fetch" 0 "$work/cache/deepinfra/cuda-12.4" "$script" fetch
fi
expect "nvcc on PATH" 0 "$work/path-toolkit" PATH="$work/path-toolkit/bin:/usr/bin:/bin" "$script" find
expect "a wrapper on PATH" 0 "$work/path-toolkit" PATH="$work/wrapper:/usr/bin:/bin" "$script" find
expect "CUDA_HOME before PATH" 0 "$work/home-toolkit" CUDA_HOME="$work/home-toolkit" PATH="$work/path-toolkit/bin:/usr/bin:/bin" "$script" find
expect "CUDA_HOME before CUDA_PATH" 0 "$work/home-toolkit" CUDA_HOME="$work/home-toolkit" CUDA_PATH="$work/path-toolkit" "$script" find
expect "CUDA_PATH" 0 "$work/path-toolkit" CUDA_PATH="$work/path-toolkit" "$script" find
expect "a wrong CUDA_HOME" 3 "" CUDA_HOME="$work/none" PATH="$work/path-toolkit/bin:/usr/bin:/bin" "$script" find
expect "an unknown command" 2 "" "$script" nonsense

mkdir -p "$work/one/sources.list.d" "$work/deb822/sources.list.d" "$work/none/sources.list.d" "$work/ubuntu/sources.list.d"
cat >"$work/one/sources.list" <<'LIST'
# deb http://commented.example/debian bookworm main
deb http://security.example/debian-security bookworm-security main
deb [arch=amd64 signed-by=/k.gpg] https://mirror.example/debian bookworm main contrib
deb https://second.example/debian bookworm main
LIST
cat >"$work/deb822/sources.list.d/debian.sources" <<'SOURCES'
Types: deb
# URIs: http://commented.example/debian
URIs: http://disabled.example/debian
Suites: bookworm
Enabled: no

Types: deb-src
URIs: http://sources.example/debian
Suites: bookworm

Types: deb
URIs: http://deb822.example/debian/ http://other.example/debian
Suites: bookworm bookworm-updates
Components: main
SOURCES
echo "deb http://archive.ubuntu.com/ubuntu jammy main" >"$work/ubuntu/sources.list"
expect "one-line sources" 0 "https://mirror.example/debian" "$script" mirror "$work/one"
expect "deb822 sources" 0 "http://deb822.example/debian/" "$script" mirror "$work/deb822"
expect "no sources" 0 "" "$script" mirror "$work/none"
expect "another distribution" 0 "" "$script" mirror "$work/ubuntu"

exit "$failures"
