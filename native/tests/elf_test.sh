#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# elf_test.sh CHECK CC: check-elf.sh accepts a good library and names what is wrong with each bad one.
set -euo pipefail
check=$(realpath "$1") cc=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# expect NAME COMPLAINT OPTIONS...: links a library with the options; an empty complaint means that it is accepted.
expect() {
    local name=$1 complaint=$2 status=0 output
    shift 2
    "$cc" -shared -fPIC -o "$work/lib$name.so" "$@"
    output=$("$check" "$work/lib$name.so" 'di_\w+' 2>&1) || status=$?
    if [ "$status" -ne "$([ -z "$complaint" ] && echo 0 || echo 1)" ] || [[ $output != *"$complaint"* ]]; then
        echo "$name: expected '$complaint', got status $status and '$output'" >&2
        failures=$((failures + 1))
    fi
}

cd "$work"
cat >good.c <<'C'
#include <stdlib.h>
void* di_good(void);
void* di_good(void) { return malloc(1); }
C
echo 'int di_good(void) { return 1; } int helper(void) { return 2; }' >foreign.c
echo 'int dia(void) { return 1; }' >almost.c
echo 'extern int other(void); int di_good(void) { return other(); }' >user.c
echo 'int other(void) { return 1; }' >other.c
printf '.text\n.globl di_good\n.type di_good,@function\ndi_good: ret\n' >stack.s # says nothing about the stack
cat >newer.c <<'C'
void arc4random_stub(void);
__asm__(".symver arc4random_stub, arc4random@GLIBC_2.36");
void di_good(void) { arc4random_stub(); }
C
cat >libc.c <<'C'
void old(void) {}
__asm__(".symver old, arc4random@@GLIBC_2.36");
C
echo 'GLIBC_2.36 { global: arc4random; };' >libc.map
"$cc" -shared -fPIC -Wl,-soname,libother.so -o libother.so other.c
"$cc" -shared -fPIC -nostdlib -Wl,-soname,libc.so.6 -Wl,--version-script=libc.map -o libc.so.6 libc.c

expect good "" good.c
expect origin "" good.c -Wl,--enable-new-dtags,-rpath,'$ORIGIN'
expect runpath "looks for libraries in RUNPATH /opt/cuda" good.c -Wl,--enable-new-dtags,-rpath,/opt/cuda
expect mixed "looks for libraries in RUNPATH \$ORIGIN:/opt" good.c -Wl,--enable-new-dtags,-rpath,'$ORIGIN:/opt'
expect rpath "looks for libraries in RPATH \$ORIGIN" good.c -Wl,--disable-new-dtags,-rpath,'$ORIGIN'
expect needs "needs libother.so" user.c -L. -lother
expect newer "needs GLIBC_2.36: arc4random@GLIBC_2.36" newer.c -nostdlib libc.so.6
expect foreign "exports helper" foreign.c
expect almost "exports dia" almost.c
expect stack "executable stack" good.c -Wl,-z,execstack
expect silent " stack" stack.s -nostdlib
if [ "$(uname -m)" = x86_64 ]; then
    printf '.text\n.globl di_good\ndi_good: movabs $di_good, %%rax\nret\n.section .note.GNU-stack,"",%%progbits\n' >relocated.s
    expect relocated "has relocations in its code" relocated.s -nostdlib -Wl,-z,notext
fi
status=0
"$check" "$work/good.c" 'di_\w+' >/dev/null 2>&1 || status=$?
[ "$status" -ne 0 ] || { echo "a source was accepted as a library" >&2; failures=$((failures + 1)); }

exit "$failures"
