// SPDX-License-Identifier: MIT
// The prelude's headers inside this library, so that run-time compilation reads nothing from a
// checkout.
#pragma once

namespace cudasim::nvrtc {

struct PreludeFile {
    const char* name;
    const char *begin, *end;
};

// Ends with an entry without a name.
const PreludeFile* prelude_files();

} // namespace cudasim::nvrtc
