// SPDX-License-Identifier: MIT
// A CUDA driver that runs nothing: it hands out handles, logs what it is asked, and fails on demand. For tests of how
// the managed side takes failures; what succeeds is tested on the simulator.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MaxKnobs = 32, LogBytes = 1 << 20 };
static struct {
    char name[32];
    int value;
} knobs[MaxKnobs];
static char log_text[LogBytes];
static int log_length;
static uintptr_t next_handle = 0x1000;
static void *current;

// Value of a knob: set by the test, else by an environment variable FAKE_<name>, else a default.
static int knob(const char *name, int otherwise) {
    for (int i = 0; i < MaxKnobs; ++i)
        if (!strcmp(knobs[i].name, name))
            return knobs[i].value;
    char variable[64];
    snprintf(variable, sizeof variable, "FAKE_%s", name);
    const char *text = getenv(variable);
    return text ? atoi(text) : otherwise;
}

void fake_set(const char *name, int value) {
    for (int i = 0; i < MaxKnobs; ++i)
        if (!knobs[i].name[0] || !strcmp(knobs[i].name, name)) {
            strncpy(knobs[i].name, name, sizeof knobs[i].name - 1);
            knobs[i].value = value;
            return;
        }
}

const char *fake_log(void) {
    return log_text;
}

void fake_clear_log(void) {
    log_length = 0;
    log_text[0] = 0;
}

#define LOG(...)                                                                                   \
    do {                                                                                           \
        if (log_length < LogBytes - 200)                                                           \
            log_length += snprintf(log_text + log_length, 200, __VA_ARGS__);                       \
    } while (0)

static void *handle(void) {
    return (void *)(next_handle = (next_handle + 0x1ff) & ~(uintptr_t)0xff);
}

// Every call on a device that has faulted gives its error.
#define FAULT() knob("fault", 0)

int cuDriverGetVersion(int *version) {
    *version = knob("version", 12040);
    return 0;
}
int cuInit(unsigned flags) {
    return knob("init", 0);
}
int cuDeviceGetCount(int *count) {
    *count = knob("devices", 1);
    return 0;
}
int cuDeviceGet(int *device, int ordinal) {
    *device = ordinal;
    return 0;
}
int cuDeviceGetName(char *name, int length, int device) {
    snprintf(name, length, "Fake %d", device);
    return 0;
}
int cuDeviceTotalMem(size_t *bytes, int device) {
    *bytes = (size_t)1 << 30;
    return 0;
}
int cuDeviceGetAttribute(int *value, int attribute, int device) {
    switch (attribute) {
    case 75:
        *value = knob("major", 9);
        break;
    case 76:
        *value = 0;
        break;
    case 1:
        *value = 1024;
        break;
    case 97:
        *value = 227 << 10;
        break;
    default:
        *value = 1;
    }
    return 0;
}
int cuDeviceGetDefaultMemPool(void **pool, int device) {
    *pool = handle();
    return 0;
}
int cuMemPoolSetAttribute(void *pool, int attribute, void *value) {
    return 0;
}
int cuMemPoolTrimTo(void *pool, size_t bytes) {
    LOG("trim\n");
    return 0;
}
int cuDevicePrimaryCtxRetain(void **context, int device) {
    *context = (void *)(uintptr_t)(device + 1);
    return 0;
}
int cuCtxGetCurrent(void **context) {
    *context = current;
    return 0;
}
int cuCtxPushCurrent(void *context) {
    current = context;
    return 0;
}
int cuCtxPopCurrent(void **context) {
    *context = current;
    current = 0;
    return 0;
}
int cuCtxSynchronize(void) {
    return FAULT();
}
int cuMemGetInfo(size_t *available, size_t *total) {
    *available = 1000;
    *total = (size_t)1 << 30;
    return 0;
}
int cuMemAllocAsync(uint64_t *address, size_t bytes, void *stream) {
    if (FAULT())
        return FAULT();
    if (knob("oom", 0))
        return 2;
    *address = (uint64_t)handle();
    next_handle += bytes; // No two overlap.
    LOG("alloc %p on %p\n", (void *)*address, stream);
    return 0;
}
int cuMemFreeAsync(uint64_t address, void *stream) {
    LOG("free %p on %p\n", (void *)address, stream);
    return FAULT();
}
int cuMemHostAlloc(void **address, size_t bytes, unsigned flags) {
    if (knob("oom", 0))
        return 2;
    *address = malloc(bytes);
    LOG("pin %p\n", *address);
    return 0;
}
int cuMemFreeHost(void *address) {
    LOG("unpin %p\n", address);
    free(address);
    return 0;
}
int cuMemsetD8Async(uint64_t address, unsigned char value, size_t count, void *stream) {
    return FAULT();
}
int cuMemcpyHtoDAsync(uint64_t to, void *from, size_t bytes, void *stream) {
    LOG("htod %zu\n", bytes);
    return FAULT();
}
int cuMemcpyDtoHAsync(void *to, uint64_t from, size_t bytes, void *stream) {
    LOG("dtoh %zu\n", bytes);
    return FAULT();
}
int cuStreamCreateWithPriority(void **stream, unsigned flags, int priority) {
    if (FAULT())
        return FAULT();
    *stream = handle();
    LOG("stream %p\n", *stream);
    return 0;
}
int cuStreamDestroy(void *stream) {
    LOG("destroy %p\n", stream);
    return 0;
}
int cuStreamSynchronize(void *stream) {
    return FAULT();
}
int cuStreamQuery(void *stream) {
    return FAULT() ? FAULT() : knob("busy", 0) ? 600 : 0;
}
int cuStreamIsCapturing(void *stream, int *status) {
    *status = knob("capturing", 0);
    return 0;
}
int cuStreamWaitEvent(void *stream, void *event, unsigned flags) {
    LOG("%p waits for %p\n", stream, event);
    return 0;
}
int cuLaunchHostFunc(void *stream, void (*function)(void *), void *state) {
    // A device that faults later never calls it.
    if (!knob("busy", 0))
        function(state);
    return 0;
}
int cuEventCreate(void **event, unsigned flags) {
    *event = handle();
    return 0;
}
int cuEventRecord(void *event, void *stream) {
    LOG("record %p on %p\n", event, stream);
    return 0;
}
int cuEventQuery(void *event) {
    return knob("busy", 0) ? 600 : 0;
}
int cuEventDestroy(void *event) {
    return 0;
}
int cuLibraryLoadData(void **library, void *image, void *a, void *b, unsigned c, void *d, void *e,
                      unsigned f) {
    *library = handle();
    LOG("load %p\n", *library);
    return knob("image", 0);
}
int cuLibraryUnload(void *library) {
    LOG("unload %p\n", library);
    return 0;
}
int cuLibraryGetKernel(void **kernel, void *library, char *name) {
    *kernel = handle();
    return strcmp(name, "missing") ? 0 : 500;
}
int cuKernelSetAttribute(int attribute, int value, void *kernel, int device) {
    LOG("attribute %d = %d\n", attribute, value);
    return 0;
}
struct launch {
    unsigned grid[3], block[3], shared;
    void *stream;
    struct {
        unsigned id, pad, value[16];
    } *attributes;
    unsigned count;
};
int cuLaunchKernelEx(struct launch *config, void *kernel, void **parameters, void **extra) {
    LOG("launch %ux%ux%u by %ux%ux%u shared %u", config->grid[0], config->grid[1], config->grid[2],
        config->block[0], config->block[1], config->block[2], config->shared);
    for (unsigned i = 0; i < config->count; ++i)
        LOG(" %u:%u,%u,%u", config->attributes[i].id, config->attributes[i].value[0],
            config->attributes[i].value[1], config->attributes[i].value[2]);
    if (parameters)
        LOG(" first %d", *(int *)parameters[0]);
    LOG("\n");
    return knob("launch", 0);
}

int cuGetProcAddress_v2(const char *symbol, void **function, int version, uint64_t flags,
                        int *status) {
    const char *missing = getenv("FAKE_missing");
    Dl_info info;
    dladdr((void *)cuGetProcAddress_v2, &info);
    *function = missing && !strcmp(missing, symbol)
                    ? 0
                    : dlsym(dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD), symbol);
    return *function ? 0 : 500;
}
