#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Finds a CUDA toolkit, or puts one into a private folder without touching the system.
#
#   cuda-toolkit.sh find     prints the toolkit's folder: CUDA_HOME, CUDA_PATH, nvcc on PATH, /usr/local/cuda, the private folder
#   cuda-toolkit.sh fetch    the same, but fills the private folder first if nothing is found; so does find where
#                            DEEPINFRA_REQUIRE_CUDA=1
#   cuda-toolkit.sh private  prints where the private folder is, filled or not
#   cuda-toolkit.sh mirror [folder]  prints the Debian mirror that apt's sources in the folder (/etc/apt) name, or nothing
#
# Exit code 3: there is none, and the last line on stderr says why. The folder is the only output on stdout.
#
# The private toolkit is CUDA 12.4 from Debian 13's non-free component. Its programs need glibc 2.34 only, so they run on other
# distributions too. cuda-toolkit.lock next to this script names every package and its SHA-256; whoever delivers exactly that will do:
# DEEPINFRA_DEBIAN_MIRROR alone if it is set, otherwise the mirror of the machine's own apt sources, Debian's, and Debian's archive of
# all packages that ever were. Nothing is installed.
set -euo pipefail

readonly recipe=1 # raised whenever the lock, or what is unpacked or arranged below, changes
readonly version=12.4
readonly public_mirrors=(https://deb.debian.org/debian https://snapshot.debian.org/archive/debian/20250901T000000Z)
readonly cache="${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/deepinfra"
readonly prefix="$cache/cuda-$version"
readonly stamp="$prefix/deepinfra.stamp"
readonly apt_helper=/usr/lib/apt/apt-helper
lock=$(dirname "${BASH_SOURCE[0]}")/cuda-toolkit.lock
readonly lock

say() { echo "cuda-toolkit: $*" >&2; }

unavailable() {
    say "$*"
    exit 3
}

is_private_ready() { [ -x "$prefix/bin/nvcc" ] && [ "$(head -n 1 "$stamp" 2>/dev/null)" = "recipe $recipe" ]; }

# Whether kernels can be compiled with the toolkit in a folder.
is_new_enough() {
    local found
    found=$("$1/bin/nvcc" --version 2>/dev/null | sed -n 's/.*release \([0-9.]*\),.*/\1/p')
    [ -n "$found" ] && [ "$(printf '%s\n%s\n' "$version" "$found" | sort -V | head -n 1)" = "$version" ] && return 0
    say "ignoring CUDA ${found:-of unknown version} in $1: $version or newer is needed"
    return 1
}

# A toolkit of the machine: what the user names comes first and must be right, then what is found.
find_installed() {
    local name home nvcc
    for name in CUDA_HOME CUDA_PATH; do
        home="${!name:-}"
        [ -n "$home" ] || continue
        [ -x "$home/bin/nvcc" ] || unavailable "$name is $home, but $home/bin/nvcc is not there"
        (cd "$home" && pwd -P)
        return 0
    done
    for nvcc in "$(command -v nvcc || true)" /usr/local/cuda/bin/nvcc; do
        [ -x "$nvcc" ] || continue
        # The program on PATH may be a wrapper or a link; --dryrun tells where the toolkit is.
        home=$("$nvcc" --dryrun -x cu -c /dev/null -o /dev/null 2>&1 | sed -n 's/^#\$ TOP=//p' | head -n 1)
        [ -n "$home" ] || home=$(dirname "$(dirname "$(readlink -f "$nvcc")")")
        [ -x "$home/bin/nvcc" ] && is_new_enough "$home" || continue
        (cd "$home" && pwd -P)
        return 0
    done
    return 1
}

# The first Debian mirror among the machine's apt sources, in either of apt's two formats; security archives are none.
machine_mirror() {
    local folder=${1:-/etc/apt} files=() file
    for file in "$folder"/sources.list.d/*.sources "$folder/sources.list" "$folder"/sources.list.d/*.list; do
        [ -r "$file" ] && files+=("$file")
    done
    [ ${#files[@]} -gt 0 ] || return 0
    awk '
        function flush() {
            if (types ~ /(^| )deb( |$)/ && enabled != "no") consider(uris, suites)
            types = uris = suites = enabled = ""
        }
        function consider(uri, suites) {
            split(uri, first, " ")
            if (found == "" && suites ~ /(^| )(bookworm|trixie|forky|sid|stable|testing|unstable)( |\/|$)/ && first[1] ~ /debian\/?$/)
                found = first[1]
        }
        FNR == 1 { flush() }
        /^[ \t]*#/ { next }
        FILENAME ~ /\.sources$/ && /^[ \t]*$/ { flush() }
        FILENAME ~ /\.sources$/ {
            value = $0; sub(/^[^:]*:[ \t]*/, "", value)
            if ($0 ~ /^Types:/) types = value
            if ($0 ~ /^URIs:/) uris = value
            if ($0 ~ /^Suites:/) suites = value
            if ($0 ~ /^Enabled:/) enabled = tolower(value)
            next
        }
        $1 == "deb" { line = $0; sub(/\[[^\]]*\]/, "", line); split(line, part, " "); consider(part[2], part[3]) }
        END { flush(); print found }
    ' "${files[@]}"
}

# transfer URL FILE: by apt's own means, which know the machine's proxies and accounts, or by curl.
transfer() {
    case $1 in
    file://*)
        cp "${1#file://}" "$2" 2>/dev/null
        ;;
    *)
        if [ -x "$apt_helper" ]; then
            "$apt_helper" -q=2 -o APT::Sandbox::User="$(id -un)" -o Acquire::Retries=3 -o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30 \
                download-file "$1" "$2" >&2
        else
            curl -fsSL --retry 3 --connect-timeout 30 --speed-limit 1000 --speed-time 30 -o "$2" "$1" >&2
        fi
        ;;
    esac
}

# download PATH SHA256 FILE MIRROR...: from the first mirror that has the very file.
download() {
    local path=$1 sha256=$2 file=$3 mirror actual
    shift 3
    for mirror in "$@"; do
        rm -f "$file"
        if ! transfer "${mirror%/}/$path" "$file"; then
            say "$mirror does not deliver $path"
            continue
        fi
        actual=$(sha256sum <"$file" | cut -d ' ' -f 1)
        [ "$actual" != "$sha256" ] || return 0
        say "$path of $mirror is another file: expected SHA-256 $sha256, got $actual"
    done
    rm -f "$file"
    return 1
}

# unpack PACKAGE ARCHIVE TREE: what builds need of it. The static mathematics libraries of nvidia-cuda-dev alone would be 2.6 GB.
unpack() {
    local package=$1 archive=$2 tree=$3
    mkdir -p "$tree"
    if [ "$package" = nvidia-cuda-dev ]; then
        dpkg-deb --fsys-tarfile "$archive" | tar -x -C "$tree" --wildcards ./usr/include \
            './usr/lib/x86_64-linux-gnu/libcudart_static.a' './usr/lib/x86_64-linux-gnu/libcudadevrt.a' \
            './usr/lib/x86_64-linux-gnu/stubs'
    else
        dpkg-deb --fsys-tarfile "$archive" | tar -x -C "$tree"
    fi
    rm -f "$archive"
}

# Debian spreads the toolkit over the file system; nvcc expects the layout of NVIDIA's own packages.
arrange() {
    local tree=$1 home=$2 libraries="$1/usr/lib/x86_64-linux-gnu" debian="$1/usr/lib/nvidia-cuda-toolkit"
    local tool
    mkdir -p "$home"/{bin,lib64,nvvm/bin,nvvm/libdevice}
    for tool in ptxas fatbinary cudafe++ nvlink nvdisasm cuobjdump bin2c nvprune cu++filt; do
        cp -a "$tree/usr/bin/$tool" "$home/bin/"
    done
    cp "$debian/bin/nvcc" "$home/bin/nvcc" # the one in usr/bin is a wrapper with absolute paths
    cp -rL "$debian/bin/crt" "$home/bin/crt"
    cp -L "$(find "$tree/usr/lib" -name cicc -type f -print -quit)" "$home/nvvm/bin/cicc"
    cp -L "$(find "$tree/usr/lib" -name 'libdevice.10.bc' -print -quit)" "$home/nvvm/libdevice/libdevice.10.bc"
    cp -a "$tree/usr/include" "$home/include"
    find "$libraries" -maxdepth 1 \( -name 'libcudart*' -o -name 'libcudadevrt.a' -o -name 'libnvrtc*' -o -name 'libnvvm*' \) \
        -exec cp -a {} "$home/lib64/" \;
    cp -a "$libraries/stubs" "$home/lib64/stubs"
    cat >"$home/bin/nvcc.profile" <<'PROFILE'
TOP              = $(_HERE_)/..
NVVMIR_LIBRARY_DIR = $(TOP)/nvvm/libdevice
LD_LIBRARY_PATH += $(TOP)/lib64:
PATH            += $(TOP)/nvvm/bin:$(_HERE_):
INCLUDES        += "-I$(TOP)/include" $(_SPACE_)
LIBRARIES       =+ $(_SPACE_) "-L$(TOP)/lib64/stubs" "-L$(TOP)/lib64"
CUDAFE_FLAGS    +=
PTXAS_FLAGS     +=
PROFILE
}

# A toolkit that cannot make a Hopper tensor-core instruction is not published.
check() {
    local home=$1 work=$2
    cat >"$work/check.cu" <<'CUDA'
#include <cuda_fp16.h>
#include <cuda_fp8.h>
__global__ void check(float* out, unsigned long long a, unsigned long long b)
{
    float d0 = 0, d1 = 0, d2 = 0, d3 = 0;
    asm volatile("wgmma.fence.sync.aligned;\n"
                 "wgmma.mma_async.sync.aligned.m64n8k32.f32.e4m3.e4m3 {%0,%1,%2,%3}, %4, %5, 1, 1, 1;\n"
                 "wgmma.commit_group.sync.aligned;\n"
                 "wgmma.wait_group.sync.aligned 0;"
                 : "+f"(d0), "+f"(d1), "+f"(d2), "+f"(d3) : "l"(a), "l"(b));
    out[threadIdx.x] = d0 + d1 + d2 + d3;
}
CUDA
    "$home/bin/nvcc" -std=c++20 -gencode=arch=compute_90a,code=sm_90a -cubin -o "$work/check.cubin" "$work/check.cu" >&2
    "$home/bin/cuobjdump" --dump-sass "$work/check.cubin" | grep -q 'QGMMA\.64x8x32'
}

fetch_private() {
    local tool
    [ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || unavailable "a toolkit is fetched on x86-64 Linux only; set CUDA_HOME"
    for tool in dpkg-deb flock sha256sum awk; do
        command -v "$tool" >/dev/null || unavailable "no toolkit found, and none can be fetched without $tool; set CUDA_HOME"
    done
    [ -x "$apt_helper" ] || command -v curl >/dev/null || unavailable "no toolkit found, and none can be fetched without apt or curl; set CUDA_HOME"
    local mirrors=("${DEEPINFRA_DEBIAN_MIRROR:-}") own
    if [ -z "${mirrors[0]}" ]; then
        own=$(machine_mirror)
        mirrors=(${own:+"$own"} "${public_mirrors[@]}")
    fi

    mkdir -p "$cache"
    exec 9>"$cache/cuda-$version.lock"
    flock 9 # builds that start together fetch once
    is_private_ready && return 0

    # A run that was killed leaves its folder behind; nobody else has one while we hold the lock.
    rm -rf "$cache"/cuda-"$version".new.*
    local work
    work=$(mktemp -d "$cache/cuda-$version.new.XXXXXX")
    # shellcheck disable=SC2064 # the folder is known now
    trap "rm -rf '$work'" EXIT
    say "fetching CUDA $version (about 1.1 GB, once) into $prefix"
    local package package_version sha256 path versions=
    while read -r package package_version sha256 path; do
        download "$path" "$sha256" "$work/package.deb" "${mirrors[@]}" ||
            unavailable "no toolkit found, and $package $package_version cannot be had from ${mirrors[*]}"
        unpack "$package" "$work/package.deb" "$work/tree"
        versions+="$package $package_version"$'\n'
    done < <(grep -v '^#' "$lock")
    arrange "$work/tree" "$work/home"
    check "$work/home" "$work" || unavailable "the fetched toolkit does not compile a Hopper kernel"
    printf 'recipe %s\n%s' "$recipe" "$versions" >"$work/home/deepinfra.stamp"
    # The rename publishes all at once; a reader sees the whole toolkit or none.
    if [ -e "$prefix" ]; then
        mv -T "$prefix" "$work/old"
    fi
    mv -T "$work/home" "$prefix"
    say "CUDA $version is ready in $prefix"
}

command=${1:-find}
case $command in
private)
    echo "$prefix"
    ;;
mirror)
    machine_mirror "${2:-}"
    ;;
find | fetch)
    status=0
    home=$(find_installed) || status=$?
    [ "$status" -ne 3 ] || exit 3
    if [ -n "$home" ]; then
        echo "$home"
    elif is_private_ready; then
        echo "$prefix"
    elif [ "$command" = fetch ] || [ "${DEEPINFRA_REQUIRE_CUDA:-0}" != 0 ]; then
        fetch_private
        echo "$prefix"
    else
        unavailable "no CUDA toolkit: CUDA_HOME is not set, no nvcc on PATH or in /usr/local/cuda is new enough, $prefix is not filled (./build.sh native fills it)"
    fi
    ;;
*)
    say "unknown command $command: find, fetch, private or mirror"
    exit 2
    ;;
esac
