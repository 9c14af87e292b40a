#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Finds a CUDA toolkit, or puts one into a private folder without touching the system.
#
#   cuda-toolkit.sh find     prints the toolkit's folder: CUDA_HOME, CUDA_PATH, nvcc on PATH, the private folder
#   cuda-toolkit.sh fetch    the same, but fills the private folder first if nothing is found (or CI is set)
#   cuda-toolkit.sh private  prints where the private folder is, filled or not
#   cuda-toolkit.sh mirror [folder]  prints the Debian mirror that apt's sources in the folder (/etc/apt) name, or nothing
#
# Exit code 3: there is none, and the last line on stderr says why. The folder is the only output on stdout.
#
# The private toolkit is CUDA 12.4 from Debian 13's non-free component. Its programs need glibc 2.34 only, so they run
# on other distributions too. apt downloads into folders of our own and checks signatures and hashes; nothing is
# installed. DEEPINFRA_DEBIAN_MIRROR names a mirror where the machine's own apt sources name none.
set -euo pipefail

readonly recipe=1 # raised whenever what is unpacked or arranged below changes
readonly version=12.4
readonly suite=trixie
readonly keyring=/usr/share/keyrings/debian-archive-keyring.gpg
readonly packages=(nvidia-cuda-toolkit nvidia-cuda-dev libnvrtc12 libnvrtc-builtins12.4 libnvvm4 libcudart12 libcu++-dev)
readonly cache="${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/deepinfra"
readonly prefix="$cache/cuda-$version"
readonly stamp="$prefix/deepinfra.stamp"

say() { echo "cuda-toolkit: $*" >&2; }

unavailable() {
    say "$*"
    exit 3
}

is_private_ready() { [ -x "$prefix/bin/nvcc" ] && [ "$(head -n 1 "$stamp" 2>/dev/null)" = "recipe $recipe" ]; }

# A toolkit of the machine: what the user names comes first and must be right, then nvcc on PATH.
find_installed() {
    local name home
    for name in CUDA_HOME CUDA_PATH; do
        home="${!name:-}"
        [ -n "$home" ] || continue
        [ -x "$home/bin/nvcc" ] || unavailable "$name is $home, but $home/bin/nvcc is not there"
        (cd "$home" && pwd -P)
        return 0
    done
    local nvcc
    nvcc=$(command -v nvcc) || return 1
    # The program on PATH may be a wrapper or a link; --dryrun tells where the toolkit is.
    home=$("$nvcc" --dryrun -x cu -c /dev/null -o /dev/null 2>&1 | sed -n 's/^#\$ TOP=//p' | head -n 1)
    [ -n "$home" ] || home=$(dirname "$(dirname "$(readlink -f "$nvcc")")")
    [ -x "$home/bin/nvcc" ] || return 1
    (cd "$home" && pwd -P)
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

# apt with folders of its own below $1. The machine's settings for downloads (proxies) are kept, its hooks are not.
private_apt() {
    local work=$1 mirror=$2
    mkdir -p "$work"/apt/{lists/partial,archives/partial,state,etc}
    echo "deb [signed-by=$keyring] $mirror $suite main contrib non-free" >"$work/apt/etc/sources.list"
    {
        apt-config dump | grep '^Acquire::' || true
        cat <<SETTINGS
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::sourcelist "$work/apt/etc/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "$work/apt/state";
Dir::State::lists "$work/apt/lists";
Dir::State::status "/dev/null";
Dir::Cache "$work/apt";
Dir::Cache::archives "$work/apt/archives";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
APT::Architecture "amd64";
APT::Architectures { "amd64"; };
APT::Sandbox::User "$(id -un)";
APT::Get::AllowUnauthenticated "false";
Acquire::AllowInsecureRepositories "false";
Acquire::Languages "none";
Acquire::Retries "3";
SETTINGS
    } >"$work/apt/apt.conf"
    export APT_CONFIG="$work/apt/apt.conf"
}

# Unpacks what builds need. The static mathematics libraries of nvidia-cuda-dev alone would be 2.6 GB.
unpack() {
    local archives=$1 tree=$2 package archive
    mkdir -p "$tree"
    for package in "${packages[@]}"; do
        archive=$(find "$archives" -name "${package}_*.deb" -print -quit)
        if [ "$package" = nvidia-cuda-dev ]; then
            dpkg-deb --fsys-tarfile "$archive" | tar -x -C "$tree" --wildcards ./usr/include \
                './usr/lib/x86_64-linux-gnu/libcudart_static.a' './usr/lib/x86_64-linux-gnu/libcudadevrt.a' \
                './usr/lib/x86_64-linux-gnu/stubs'
        else
            dpkg-deb --fsys-tarfile "$archive" | tar -x -C "$tree"
        fi
        rm -f "$archive"
    done
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
    for tool in apt-get apt-config dpkg-deb flock awk; do
        command -v "$tool" >/dev/null || unavailable "no toolkit found, and none can be fetched without $tool; set CUDA_HOME"
    done
    [ -r "$keyring" ] || unavailable "no toolkit found, and none can be fetched without $keyring; set CUDA_HOME"
    local mirror=${DEEPINFRA_DEBIAN_MIRROR:-$(machine_mirror)}
    [ -n "$mirror" ] || unavailable "no toolkit found, and apt's sources name no Debian mirror; set CUDA_HOME or DEEPINFRA_DEBIAN_MIRROR"

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
    say "fetching CUDA $version from $mirror ($suite, about 1.1 GB, once) into $prefix"
    private_apt "$work" "$mirror"
    apt-get update -qq -o APT::Update::Error-Mode=any >&2 || unavailable "no toolkit found, and $mirror cannot be read"
    (cd "$work/apt/archives" && apt-get download -qq "${packages[@]}" >&2) || unavailable "no toolkit found, and the download from $mirror failed"
    local versions
    versions=$(cd "$work/apt/archives" && for deb in *.deb; do dpkg-deb --show "$deb"; done)
    grep -q "^nvidia-cuda-toolkit[[:space:]]$version\." <<<"$versions" || unavailable "$mirror has another toolkit than $version: ${versions//$'\n'/, }"
    unpack "$work/apt/archives" "$work/tree"
    arrange "$work/tree" "$work/home"
    check "$work/home" "$work" || unavailable "the fetched toolkit does not compile a Hopper kernel"
    printf 'recipe %s\n%s\n' "$recipe" "$versions" >"$work/home/deepinfra.stamp"
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
    elif [ "$command" = fetch ] || [ -n "${CI:-}" ]; then
        fetch_private
        echo "$prefix"
    else
        unavailable "no CUDA toolkit: CUDA_HOME is not set, nvcc is not on PATH, $prefix is not filled (./build.sh native fills it)"
    fi
    ;;
*)
    say "unknown command $command: find, fetch, private or mirror"
    exit 2
    ;;
esac
