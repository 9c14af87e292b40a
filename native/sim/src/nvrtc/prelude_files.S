// SPDX-License-Identifier: MIT
// The files come from the include path that the build sets.
    .section .rodata
#define EMBED(symbol, file)                                                                        \
    .globl symbol, symbol##_end;                                                                   \
    .hidden symbol, symbol##_end;                                                                  \
symbol: .incbin file;                                                                              \
symbol##_end: .byte 0
EMBED(cudasim_prelude_prelude, "deepinfra_sim/prelude.h")
EMBED(cudasim_prelude_runtime, "deepinfra_sim/runtime.h")
EMBED(cudasim_prelude_vector_types, "deepinfra_sim/vector_types.h")
EMBED(cudasim_prelude_builtins, "deepinfra_sim/builtins.h")
    .section .note.GNU-stack,"",%progbits
