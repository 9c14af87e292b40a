// SPDX-License-Identifier: MIT
#include "driver/image.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <vector>

namespace cudasim::driver {

namespace {

// Kernels call into this library. A host that loaded it privately (as .NET does) hides its symbols
// from later objects: loading it once more, by the same name, makes them visible.
void make_symbols_global() {
    static const bool done = [] {
        Dl_info info;
        if (dladdr(reinterpret_cast<void*>(&make_symbols_global), &info) != 0 &&
            info.dli_fname != nullptr) {
            dlopen(info.dli_fname, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD);
        }
        return true;
    }();
    (void)done;
}

// Bytes of an ELF file in memory: its section headers come last, or its segments do.
std::size_t elf_bytes(const void* image) {
    Elf64_Ehdr header;
    std::memcpy(&header, image, sizeof header);
    if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64)
        return 0;
    if (header.e_type != ET_DYN)
        return 0;
    std::size_t end = header.e_shoff + std::size_t{header.e_shnum} * header.e_shentsize;
    const auto* bytes = static_cast<const std::uint8_t*>(image);
    for (unsigned i = 0; i < header.e_phnum; ++i) {
        Elf64_Phdr segment;
        std::memcpy(&segment, bytes + header.e_phoff + std::size_t{i} * header.e_phentsize,
                    sizeof segment);
        end = std::max<std::size_t>(end, segment.p_offset + segment.p_filesz);
    }
    return end;
}

} // namespace

Library::~Library() {
    if (object != nullptr)
        dlclose(object);
    if (file >= 0)
        close(file);
}

Kernel* Library::find(const std::string& name) {
    std::lock_guard<std::mutex> lock(mutex);
    auto it = kernels.find(name);
    if (it != kernels.end())
        return it->second.get();
    void* symbol = dlsym(object, ("di_sim_kernel_" + name).c_str());
    if (symbol == nullptr)
        return nullptr;
    auto kernel = std::make_unique<Kernel>();
    kernel->info = static_cast<const di_sim_kernel_info*>(symbol);
    kernel->library = this;
    kernel->name = name;
    for (std::atomic<unsigned>& bytes : kernel->max_dynamic_shared)
        bytes = kMaxSharedDefault;
    return (kernels[name] = std::move(kernel)).get();
}

Library* load_image(const void* image, CUresult* error) {
    make_symbols_global();
    *error = CUDA_ERROR_INVALID_VALUE;
    if (image == nullptr)
        return nullptr;
    *error = CUDA_ERROR_INVALID_IMAGE;
    static const unsigned char kFatbin[4] = {0x50, 0xed, 0x55, 0xba};
    if (std::memcmp(image, kFatbin, 4) == 0) {
        *error = CUDA_ERROR_NO_BINARY_FOR_GPU; // compiled for hardware
        return nullptr;
    }
    std::size_t bytes = std::memcmp(image, ELFMAG, SELFMAG) == 0 ? elf_bytes(image) : 0;
    if (bytes == 0)
        return nullptr;
    auto library = std::make_unique<Library>();
    library->file = memfd_create("cudasim-image", MFD_CLOEXEC);
    if (library->file < 0) {
        *error = CUDA_ERROR_OPERATING_SYSTEM;
        return nullptr;
    }
    const auto* from = static_cast<const std::uint8_t*>(image);
    for (std::size_t written = 0; written < bytes;) {
        ssize_t n = write(library->file, from + written, bytes - written);
        if (n <= 0) {
            *error = CUDA_ERROR_OPERATING_SYSTEM;
            return nullptr;
        }
        written += static_cast<std::size_t>(n);
    }
    // By process number, so that the tool that looks up source lines finds it too.
    char path[64];
    std::snprintf(path, sizeof path, "/proc/%d/fd/%d", getpid(), library->file);
    library->object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library->object == nullptr) {
        std::fprintf(stderr, "cudasim: the image does not load: %s\n", dlerror());
        return nullptr;
    }
    *error = CUDA_SUCCESS;
    return library.release();
}

Library* load_image_file(const char* path, CUresult* error) {
    *error = CUDA_ERROR_FILE_NOT_FOUND;
    if (path == nullptr)
        return nullptr;
    FILE* file = std::fopen(path, "rb");
    if (file == nullptr)
        return nullptr;
    std::vector<std::uint8_t> bytes;
    std::uint8_t buffer[65536];
    std::size_t n;
    while ((n = std::fread(buffer, 1, sizeof buffer, file)) > 0)
        bytes.insert(bytes.end(), buffer, buffer + n);
    std::fclose(file);
    *error = CUDA_ERROR_INVALID_IMAGE;
    if (bytes.size() < sizeof(Elf64_Ehdr))
        return nullptr;
    if (std::memcmp(bytes.data(), ELFMAG, SELFMAG) == 0 && elf_bytes(bytes.data()) > bytes.size())
        return nullptr;
    return load_image(bytes.data(), error);
}

} // namespace cudasim::driver
