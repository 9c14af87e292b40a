#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# check-elf.sh LIBRARY PREFIX: fails if a shared library needs more than libc, needs a glibc newer than 2.35 (Ubuntu 22.04),
# or exports a symbol without the prefix.
set -euo pipefail
library=$1 prefix=$2
failed=0

needed=$(readelf -dW "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
while read -r name; do
    case $name in
    libc.so.6 | libm.so.6 | libdl.so.2 | libpthread.so.0 | librt.so.1 | ld-linux-x86-64.so.2 | ld-linux-aarch64.so.1) ;;
    "") ;;
    *)
        echo "$library needs $name" >&2
        failed=1
        ;;
    esac
done <<<"$needed"

newest=$(readelf -VW "$library" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1)
if [ "$(printf '%s\nGLIBC_2.35\n' "$newest" | sort -V | tail -n 1)" != GLIBC_2.35 ]; then
    echo "$library needs $newest" >&2
    failed=1
fi

foreign=$(readelf --dyn-syms -W "$library" | awk '$7 != "UND" && $5 != "LOCAL" && NR > 3 { print $8 }' | grep -v -e "^$prefix" -e '^$' || true)
if [ -n "$foreign" ]; then
    echo "$library exports ${foreign//$'\n'/, }" >&2
    failed=1
fi

[ "$failed" -eq 0 ] && echo "$library: needs ${needed//$'\n'/, }; newest symbol version $newest"
exit "$failed"
