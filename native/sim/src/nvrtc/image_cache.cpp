// SPDX-License-Identifier: MIT
#include "nvrtc/image_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <new>
#include <system_error>

#include "nvrtc/compiler.h"

namespace cudasim::nvrtc {

namespace {

constexpr mode_t kOthersWrite = S_IWGRP | S_IWOTH;

// The folder exists, is this user's and nobody else's to write.
bool make_private(const std::string& folder) {
    if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
        return false;
    struct stat status;
    if (lstat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode) ||
        status.st_uid != geteuid())
        return false;
    return (status.st_mode & kOthersWrite) == 0 || chmod(folder.c_str(), 0700) == 0;
}

// Relative paths would depend on where the program was started.
const char* absolute(const char* variable) {
    const char* value = std::getenv(variable);
    return value != nullptr && value[0] == '/' ? value : nullptr;
}

} // namespace

std::string temporary_folder() {
    std::error_code error;
    std::filesystem::path folder = std::filesystem::temp_directory_path(error);
    if (error == std::errc::not_enough_memory)
        throw std::bad_alloc();
    return error ? "/tmp" : folder.string();
}

ImageCache ImageCache::of_environment() {
    std::string root;
    const char* chosen = std::getenv("DEEPINFRA_CACHE_DIR");
    if (chosen != nullptr && chosen[0] != 0) {
        root = chosen;
    } else if (const char* xdg = absolute("XDG_CACHE_HOME")) {
        root = std::string(xdg) + "/deepinfra";
    } else if (const char* home = absolute("HOME")) {
        root = std::string(home) + "/.cache/deepinfra";
    }
    ImageCache cache;
    if (root.empty()) {
        root = temporary_folder() + "/deepinfra-" + std::to_string(geteuid());
        if (!make_private(root))
            return cache;
    } else {
        std::error_code error;
        std::filesystem::create_directories(root, error);
    }
    if (make_private(root + "/cudasim"))
        cache.folder_ = root + "/cudasim";
    return cache;
}

bool ImageCache::read(const std::string& key, std::string* image) const {
    if (folder_.empty())
        return false;
    // The file that was looked at is the one that is read: its name may mean another one by then.
    int file = open((folder_ + "/" + key).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0)
        return false;
    struct stat status;
    bool mine = fstat(file, &status) == 0 && S_ISREG(status.st_mode) &&
                status.st_uid == geteuid() && (status.st_mode & kOthersWrite) == 0;
    File stream(mine ? fdopen(file, "rb") : nullptr);
    if (stream == nullptr) {
        close(file);
        return false;
    }
    return read_all(stream.get(), image) && !image->empty();
}

void ImageCache::write(const std::string& key, const std::string& image) const {
    if (folder_.empty())
        return;
    const std::string path = folder_ + "/" + key, temporary = temporary_name(path);
    unlink(temporary.c_str());
    int file = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    FILE* stream = file >= 0 ? fdopen(file, "wb") : nullptr;
    if (stream == nullptr) {
        if (file >= 0) {
            close(file);
            unlink(temporary.c_str());
        }
        return;
    }
    bool written = std::fwrite(image.data(), 1, image.size(), stream) == image.size();
    written = std::fclose(stream) == 0 && written;
    if (!written || std::rename(temporary.c_str(), path.c_str()) != 0)
        unlink(temporary.c_str());
}

} // namespace cudasim::nvrtc
