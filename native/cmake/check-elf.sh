#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# check-elf.sh LIBRARY EXPORTS: fails if a shared library could not be loaded, or not safely, where packages promise it. It may need libc
# and nothing else, no glibc newer than 2.35 (Ubuntu 22.04), may look for libraries next to itself only, may export only names that match
# the regular expression EXPORTS as a whole, and must leave stack and code as they are: no executable stack, no text relocations.
set -euo pipefail
library=$1 exports=$2
failed=0

complain() {
    echo "$library $*" >&2
    failed=1
}

dynamic=$(LC_ALL=C readelf -dW "$library")
[[ $dynamic == *"(SYMTAB)"* ]] || complain "is not a shared library"
needed=$(sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' <<<"$dynamic")
while read -r name; do
    case $name in
    libc.so.6 | libm.so.6 | libdl.so.2 | libpthread.so.0 | librt.so.1 | ld-linux-x86-64.so.2 | ld-linux-aarch64.so.1) ;;
    "") ;;
    *) complain "needs $name" ;;
    esac
done <<<"$needed"

while read -r path; do
    [ -z "$path" ] || [ "$path" = "RUNPATH \$ORIGIN" ] || complain "looks for libraries in $path"
done < <(sed -n 's/.*(\(RPATH\|RUNPATH\)).*\[\(.*\)\]/\1 \2/p' <<<"$dynamic")

# A library without any versioned symbol has no ceiling to keep.
newest=$(LC_ALL=C readelf -VW "$library" | { grep -o 'GLIBC_[0-9.]*' || true; } | sort -uV | tail -n 1)
if [ "$(printf '%s\nGLIBC_2.35\n' "$newest" | sort -V | tail -n 1)" != GLIBC_2.35 ]; then
    complain "needs $newest: $(LC_ALL=C readelf --dyn-syms -W "$library" | { grep -o "[^ ]*@$newest" || true; } | tr '\n' ' ')"
fi

foreign=$(LC_ALL=C readelf --dyn-syms -W "$library" |
    awk 'NR > 3 && $7 != "UND" && $5 != "LOCAL" && $8 != "" { sub(/@.*/, "", $8); print $8 }' | { grep -vxE -e "$exports" || true; })
[ -z "$foreign" ] || complain "exports ${foreign//$'\n'/, }"

# Without the header the kernel gives the whole process an executable stack.
stack=$(LC_ALL=C readelf -lW "$library" | sed -n 's/^ *GNU_STACK  *\(0x[0-9a-f]*  *\)\{5\}\([RWE ]*\) .*/\2/p')
case $stack in
*E*) complain "asks for an executable stack" ;;
*R*) ;;
*) complain "does not say that its stack is not executable" ;;
esac

! grep -qE '\(TEXTREL\)|\(FLAGS\).*TEXTREL' <<<"$dynamic" || complain "has relocations in its code"

[ "$failed" -eq 0 ] && echo "$library: needs ${needed//$'\n'/, }; newest symbol version ${newest:-none}"
exit "$failed"
