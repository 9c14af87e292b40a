// SPDX-License-Identifier: MIT
#include "nvrtc/prelude_files.h"

extern "C" {
extern const char cudasim_prelude_prelude[], cudasim_prelude_prelude_end[];
extern const char cudasim_prelude_runtime[], cudasim_prelude_runtime_end[];
extern const char cudasim_prelude_vector_types[], cudasim_prelude_vector_types_end[];
extern const char cudasim_prelude_builtins[], cudasim_prelude_builtins_end[];
}

namespace cudasim::nvrtc {

const PreludeFile* prelude_files() {
    static const PreludeFile files[] = {
        {"prelude.h", cudasim_prelude_prelude, cudasim_prelude_prelude_end},
        {"runtime.h", cudasim_prelude_runtime, cudasim_prelude_runtime_end},
        {"vector_types.h", cudasim_prelude_vector_types, cudasim_prelude_vector_types_end},
        {"builtins.h", cudasim_prelude_builtins, cudasim_prelude_builtins_end},
        {nullptr, nullptr, nullptr},
    };
    return files;
}

} // namespace cudasim::nvrtc
