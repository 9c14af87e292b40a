#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# nvcc-cached.sh NVCC SOURCE STEM FLAGS...: compiles SOURCE into STEM.fatbin, STEM.log (what the compiler said), STEM.sass (how
# often each kernel has the instructions that matter, per architecture) and STEM.d (what it depends on). Results are kept outside the checkout under the hash of everything that goes in: compiler, flags and
# the content of every file read. DEEPINFRA_NVCC_CACHE names the folder; empty switches the cache off.
set -euo pipefail

nvcc=$1 source=$2 stem=$3
shift 3
folder=${DEEPINFRA_NVCC_CACHE-"${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/deepinfra/nvcc"}
mkdir -p "$(dirname "$stem")"

compile() {
    if ! "$nvcc" "$@" -fatbin -o "$stem.fatbin.new" "$source" >"$stem.log" 2>&1; then
        cat "$stem.log" >&2
        rm -f "$stem.fatbin.new"
        return 1
    fi
    count_instructions "$stem.fatbin.new" >"$stem.sass"
    mv "$stem.fatbin.new" "$stem.fatbin"
}

# Lines of architecture, kernel, instruction, count: tensor cores, bulk copies, and local memory, which a kernel should not touch.
count_instructions() {
    "$(dirname "$nvcc")/cuobjdump" --dump-sass "$1" | awk '
        $1 == "arch" && $2 == "=" { arch = $3; sub(/^sm_/, "", arch) }
        $1 == "Function" { kernel = $3 }
        match($0, /(HGMMA|QGMMA|IGMMA|BGMMA|HMMA|IMMA|QMMA|UTCHMMA|UTCQMMA|UTMALDG|UTMASTG|UTMAREDG|UBLKCP|LDGSTS|LDSM|STSM|LDL|STL)[. ]/) {
            count[arch " " kernel " " substr($0, RSTART, RLENGTH - 1)]++
        }
        END { for (key in count) print key, count[key] }
    ' | LC_ALL=C sort
}

# Every architecture reads the same files; one run lists them.
dependencies=()
for flag in "$@"; do
    case $flag in
    -gencode=*) [ ${#dependencies[@]} -gt 0 ] || dependencies+=("$flag") ;;
    esac
done
includes=()
keep_next=
for flag in "$@"; do
    if [ -n "$keep_next" ]; then
        includes+=("$flag")
        keep_next=
    fi
    case $flag in
    -I | -D) includes+=("$flag") keep_next=1 ;;
    -I* | -D* | -std=*) includes+=("$flag") ;;
    esac
done
"$nvcc" "${includes[@]}" "${dependencies[@]:-}" -M -MT "$stem.fatbin" -MF "$stem.d" "$source" >&2

if [ -z "$folder" ]; then
    compile "$@"
    exit
fi

# Files of the toolkit are named by its version; all others count by content.
files=$(sed -e '1s/^[^:]*://' -e 's/\\$//' "$stem.d" | tr -s ' \n' '\n\n' | grep -v '^$' | LC_ALL=C sort -u)
home=$(dirname "$(dirname "$(readlink -f "$nvcc")")")
key=$(
    {
        echo "recipe 2" # raised when what is stored changes
        "$nvcc" --version
        printf '%s\n' "$source" "$@"
        grep -v -F "$home/" <<<"$files" | grep -v '^/usr/' | while read -r file; do
            printf '%s %s\n' "${file##*/}" "$(sha256sum <"$file")"
        done
        "${CXX:-c++}" --version | head -n 1
    } | sha256sum | cut -c1-40
)
entry="$folder/${key:0:2}/$key"
if [ -f "$entry/fatbin" ] && [ -f "$entry/log" ] && [ -f "$entry/sass" ]; then
    cp "$entry/fatbin" "$stem.fatbin"
    cp "$entry/log" "$stem.log"
    cp "$entry/sass" "$stem.sass"
    touch -c "$entry"
    exit
fi

compile "$@"
mkdir -p "$folder/${key:0:2}"
new=$(mktemp -d "$folder/${key:0:2}/new.XXXXXX")
cp "$stem.fatbin" "$new/fatbin"
cp "$stem.log" "$new/log"
cp "$stem.sass" "$new/sass"
# Whoever comes second with the same result throws its own away.
mv -T "$new" "$entry" 2>/dev/null || rm -rf "$new"
