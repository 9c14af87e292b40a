#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# toolkit_test.sh SCRIPT: the order in which cuda-toolkit.sh looks for a toolkit, which mirror it takes from apt's sources, and how it
# fills the private folder: from a mirror in a folder, with packages made here. Downloads nothing.
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
    printf '#!/bin/sh\necho "#$ TOP=%s" >&2\necho "Cuda compilation tools, release %s, V%s.131"\n' "$1" "${2:-12.4}" "${2:-12.4}" >"$1/bin/nvcc"
    chmod +x "$1/bin/nvcc"
}
toolkit "$work/home-toolkit"
toolkit "$work/path-toolkit"
toolkit "$work/cache/deepinfra/cuda-12.4"
toolkit "$work/old-toolkit" 11.5
toolkit "$work/new-toolkit" 13.0
mkdir -p "$work/wrapper"
cp "$work/path-toolkit/bin/nvcc" "$work/wrapper/nvcc"

if ! PATH=/usr/bin:/bin command -v nvcc >/dev/null && [ ! -e /usr/local/cuda ]; then
    expect "nothing" 3 "" "$script" find
    echo "recipe 0" >"$work/cache/deepinfra/cuda-12.4/deepinfra.stamp"
    expect "private folder of another recipe" 3 "" "$script" find
    recipe=$(sed -n 's/^readonly recipe=\([0-9]*\).*/\1/p' "$script")
    echo "recipe $recipe" >"$work/cache/deepinfra/cuda-12.4/deepinfra.stamp"
    expect "private folder" 0 "$work/cache/deepinfra/cuda-12.4" "$script" find
    expect "private folder, nothing to fetch" 0 "$work/cache/deepinfra/cuda-12.4" "$script" fetch
    expect "an old nvcc on PATH" 0 "$work/cache/deepinfra/cuda-12.4" PATH="$work/old-toolkit/bin:/usr/bin:/bin" "$script" find
fi
expect "nvcc on PATH" 0 "$work/path-toolkit" PATH="$work/path-toolkit/bin:/usr/bin:/bin" "$script" find
expect "a newer nvcc on PATH" 0 "$work/new-toolkit" PATH="$work/new-toolkit/bin:/usr/bin:/bin" "$script" find
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

# --- filling the private folder ---

if [ "$(uname -m)" != x86_64 ] || ! command -v dpkg-deb >/dev/null || command -v nvcc >/dev/null || [ -e /usr/local/cuda ]; then
    exit "$failures"
fi

# Packages with what the script takes out of the real ones; their compiler "compiles" and their disassembler sees what is looked for.
packages=(nvidia-cuda-toolkit nvidia-cuda-dev libnvrtc12 libnvrtc-builtins12.4 libnvvm4 libcudart12 libcu++-dev)
mirror="$work/a mirror"
mkdir -p "$mirror/pool" "$work/cmake"
cp "$script" "$work/cmake/cuda-toolkit.sh"
for package in "${packages[@]}"; do
    tree="$work/tree"
    rm -rf "$tree"
    mkdir -p "$tree"/{DEBIAN,usr/lib/x86_64-linux-gnu}
    printf 'Package: %s\nVersion: 1\nArchitecture: all\nMaintainer: nobody\nDescription: a test\n' "$package" >"$tree/DEBIAN/control"
    case $package in
    nvidia-cuda-toolkit)
        debian="$tree/usr/lib/nvidia-cuda-toolkit"
        mkdir -p "$tree/usr/bin" "$debian"/{bin/crt,libdevice}
        for tool in ptxas fatbinary cudafe++ nvlink nvdisasm cuobjdump bin2c nvprune cu++filt; do
            printf '#!/bin/sh\necho QGMMA.64x8x32\n' >"$tree/usr/bin/$tool"
        done
        printf '#!/bin/sh\n' >"$debian/bin/nvcc"
        touch "$debian/bin/cicc" "$debian/bin/crt/host_config.h" "$debian/libdevice/libdevice.10.bc"
        chmod +x "$tree"/usr/bin/* "$debian"/bin/{nvcc,cicc}
        ;;
    nvidia-cuda-dev)
        mkdir -p "$tree/usr/include" "$tree/usr/lib/x86_64-linux-gnu/stubs"
        touch "$tree/usr/include/cuda.h" "$tree/usr/lib/x86_64-linux-gnu"/{libcudart_static.a,libcudadevrt.a,libcublas_static.a,stubs/libcuda.so}
        ;;
    libnvrtc12) touch "$tree/usr/lib/x86_64-linux-gnu/libnvrtc.so.12" ;;
    esac
    dpkg-deb --root-owner-group --build "$tree" "$mirror/pool/$package.deb" >/dev/null
    echo "$package 1 $(sha256sum <"$mirror/pool/$package.deb" | cut -d ' ' -f 1) pool/$package.deb" >>"$work/cmake/cuda-toolkit.lock"
done

# fetch NAME STATUS COMPLAINT MIRROR: fills an empty cache from a mirror; afterwards there is a whole toolkit or nothing.
fetch() {
    local name=$1 status=$2 complaint=$3 output=""
    rm -rf "$work/cache"
    [ "$status" -ne 0 ] || output="$work/cache/deepinfra/cuda-12.4"
    expect "$name" "$status" "$output" DEEPINFRA_DEBIAN_MIRROR="$4" "$work/cmake/cuda-toolkit.sh" fetch
    local left
    left=$(find "$work/cache/deepinfra" -mindepth 1 -maxdepth 1 -type d)
    if [ "$left" != "$output" ] || ! grep -qF "$complaint" "$work/errors"; then
        echo "$name: expected '$complaint' and only '$output' in the cache, got $left and:" >&2
        cat "$work/errors" >&2
        failures=$((failures + 1))
    fi
}

fetch "a mirror" 0 "is ready" "file://$mirror/"
home="$work/cache/deepinfra/cuda-12.4"
for file in bin/nvcc bin/ptxas bin/crt/host_config.h bin/nvcc.profile nvvm/bin/cicc nvvm/libdevice/libdevice.10.bc include/cuda.h \
    lib64/libcudart_static.a lib64/libnvrtc.so.12 lib64/stubs/libcuda.so; do
    [ -e "$home/$file" ] || { echo "the toolkit has no $file" >&2 && failures=$((failures + 1)); }
done
[ ! -e "$home/lib64/libcublas_static.a" ] || { echo "the toolkit has libraries that nobody needs" >&2 && failures=$((failures + 1)); }
expect "fetched where it is required" 0 "$work/other/deepinfra/cuda-12.4" DEEPINFRA_REQUIRE_CUDA=1 XDG_CACHE_HOME="$work/other" DEEPINFRA_DEBIAN_MIRROR="file://$mirror" \
    "$work/cmake/cuda-toolkit.sh" find
if command -v python3 >/dev/null; then
    # By curl and by apt's own means, whichever there are, from a server.
    python3 - "$mirror" >"$work/port" 2>/dev/null <<'SERVER' &
import functools, http.server, sys
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
print(server.server_port, flush=True)
server.serve_forever()
SERVER
    server=$!
    trap 'kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
    for _ in $(seq 600); do
        [ ! -s "$work/port" ] || break
        sleep 0.1
    done
    served="http://127.0.0.1:$(cat "$work/port")"
    [ ! -x /usr/lib/apt/apt-helper ] || fetch "apt from a server" 0 "is ready" "$served"
    if command -v curl >/dev/null; then
        sed -i.apt 's#^readonly apt_helper=.*#readonly apt_helper=/none#' "$work/cmake/cuda-toolkit.sh"
        fetch "curl from a server" 0 "is ready" "$served/"
        fetch "curl, a file that is not there" 3 "$served/none does not deliver" "$served/none"
        mv "$work/cmake/cuda-toolkit.sh.apt" "$work/cmake/cuda-toolkit.sh"
    fi
    kill "$server"
fi
fetch "no such mirror" 3 "nvidia-cuda-toolkit 1 cannot be had from file://$work/none" "file://$work/none"
if command -v curl >/dev/null || [ -x /usr/lib/apt/apt-helper ]; then
    # Nobody listens on the port of discard; the loopback answers at once, so that no test waits for a network.
    sed -i -e 's/Acquire::Retries=3/Acquire::Retries=0/' -e 's/--retry 3/--retry 0/' "$work/cmake/cuda-toolkit.sh"
    fetch "offline" 3 "cannot be had from http://127.0.0.1:9" "http://127.0.0.1:9"
fi
echo tampered >>"$mirror/pool/libnvvm4.deb"
fetch "another file than the lock's" 3 "pool/libnvvm4.deb of file://$mirror is another file: expected SHA-256" "file://$mirror"
rm "$mirror/pool/libnvvm4.deb"
fetch "a package is missing" 3 "file://$mirror does not deliver pool/libnvvm4.deb" "file://$mirror"

# The lock in use names each package that the script takes something from, by hash.
for package in "${packages[@]}"; do
    grep -qE "^${package//+/\\+} [^ ]+ [0-9a-f]{64} pool/[^ ]+\.deb\$" "$(dirname "$script")/cuda-toolkit.lock" ||
        { echo "the lock does not name $package" >&2 && failures=$((failures + 1)); }
done

exit "$failures"
