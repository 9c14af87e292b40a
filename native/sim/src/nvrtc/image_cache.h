// SPDX-License-Identifier: MIT
// Images that were compiled before, by the hash of all that went into them. Images are code: only
// what nobody but this user can have written is used, and where no folder is the user's own there
// is no cache.
#pragma once

#include <string>

namespace cudasim::nvrtc {

class ImageCache {
  public:
    // DEEPINFRA_CACHE_DIR, else $XDG_CACHE_HOME/deepinfra, else ~/.cache/deepinfra, else a folder
    // of this user among the temporary files.
    static ImageCache of_environment();

    // False if it is not there or somebody else could have put it there.
    bool read(const std::string& key, std::string* image) const;
    // As far as possible: what cannot be kept is compiled again.
    void write(const std::string& key, const std::string& image) const;

  private:
    std::string folder_; // empty: no cache
};

// Where temporary folders go: TMPDIR, else /tmp.
std::string temporary_folder();

} // namespace cudasim::nvrtc
