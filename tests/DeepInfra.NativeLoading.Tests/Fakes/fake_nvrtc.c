// SPDX-License-Identifier: MIT
// An NVRTC that says its version, FAKE_MAJOR.FAKE_MINOR, and compiles nothing.
static int unused(void) { return 1; }
int nvrtcVersion(int* major, int* minor) {
    *major = FAKE_MAJOR;
    *minor = FAKE_MINOR;
    return 0;
}
int nvrtcGetNumSupportedArchs(int* count) {
    *count = 2;
    return 0;
}
int nvrtcGetSupportedArchs(int* numbers) {
    numbers[0] = 80;
    numbers[1] = 90;
    return 0;
}
const char* nvrtcGetErrorString(int status) { return "fake"; }
int nvrtcCreateProgram(void) { return unused(); }
int nvrtcAddNameExpression(void) { return unused(); }
int nvrtcCompileProgram(void) { return unused(); }
int nvrtcGetLoweredName(void) { return unused(); }
int nvrtcDestroyProgram(void) { return unused(); }
int nvrtcGetCUBINSize(void) { return unused(); }
int nvrtcGetCUBIN(void) { return unused(); }
int nvrtcGetPTXSize(void) { return unused(); }
int nvrtcGetPTX(void) { return unused(); }
int nvrtcGetProgramLogSize(void) { return unused(); }
int nvrtcGetProgramLog(void) { return unused(); }
