#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# check-sass.sh CUOBJDUMP FATBIN OPCODE...: fails unless every opcode occurs in the machine code, and prints how often.
set -euo pipefail

cuobjdump=$1 fatbin=$2
shift 2
sass=$("$cuobjdump" -sass "$fatbin")
status=0
for opcode in "$@"; do
    count=$(grep -cE "^\s+/\*[0-9a-f]+\*/\s+(@!?U?P[0-9T]+ +)?$opcode\b" <<<"$sass" || true)
    echo "$opcode: $count"
    if [ "$count" -eq 0 ]; then
        echo "expected $opcode in $fatbin" >&2
        status=1
    fi
done
exit $status
