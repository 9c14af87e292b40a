// SPDX-License-Identifier: MIT
// A library with the name of one of ours: FAKE_AREA is the area, FAKE_ABI the version that it
// speaks, and none is exported without it. FAKE_DEPENDENCY makes it need another library.
#include <stdint.h>

#ifdef FAKE_ABI
#define JOIN(a, b, c) a##b##c
#define EXPORT(area) JOIN(di_, area, _abi_version)
uint32_t EXPORT(FAKE_AREA)(void) { return FAKE_ABI; }
#endif

#ifdef FAKE_DEPENDENCY
extern int fake_dependency(void);
int use_dependency(void) { return fake_dependency(); }
#endif

#ifdef FAKE_IS_DEPENDENCY
int fake_dependency(void) { return 1; }
#endif
