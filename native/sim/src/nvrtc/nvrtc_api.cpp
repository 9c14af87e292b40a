// SPDX-License-Identifier: MIT
// The nvrtc* entry points: programs are compiled by the host's compiler and kept by the hash of all
// that goes into them.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <system_error>
#include <vector>

#include "nvrtc/compiler.h"
#include "nvrtc/image_cache.h"
#include "nvrtc/prelude_files.h"

#define CUDASIM_API extern "C" __attribute__((visibility("default")))

using namespace cudasim::nvrtc;

namespace {

enum Result {
    kSuccess = 0,
    kOutOfMemory = 1,
    kProgramCreationFailure = 2,
    kInvalidInput = 3,
    kInvalidProgram = 4,
    kInvalidOption = 5,
    kCompilation = 6,
    kInternal = 11,
    kNoNameExpressionsAfterCompilation = 8,
    kNoLoweredNamesBeforeCompilation = 9,
    kNameExpressionNotValid = 10
};

// No exception leaves the library: every entry point is a function-try-block that ends with this.
int error_of_exception() {
    try {
        throw;
    } catch (const std::bad_alloc&) {
        return kOutOfMemory;
    } catch (...) {
        return kInternal;
    }
}
#define CUDASIM_CATCH                                                                              \
    catch (...) {                                                                                  \
        return error_of_exception();                                                               \
    }

struct Program {
    CompileRequest request;
    bool compiled = false;
    std::string log, image;
};

std::uint64_t hash(std::uint64_t h, const std::string& text) {
    for (unsigned char c : text)
        h = (h ^ c) * 0x100000001b3ULL;
    return (h ^ 0xff) * 0x100000001b3ULL;
}

// A folder for one compilation, which goes with its scope.
class WorkFolder {
  public:
    WorkFolder() : path_(temporary_folder() + "/deepinfra-nvrtc-XXXXXX") {
        if (mkdtemp(path_.data()) == nullptr)
            path_.clear();
    }
    ~WorkFolder() {
        if (path_.empty())
            return;
        try {
            std::error_code error;
            std::filesystem::remove_all(path_, error);
        } catch (const std::bad_alloc&) { // no memory even to remove it: it stays
        }
    }
    WorkFolder(const WorkFolder&) = delete;
    WorkFolder& operator=(const WorkFolder&) = delete;

    // Empty if it could not be made.
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

// The prelude's files, below the folder of one compilation: nobody else can change them there.
bool write_prelude(const std::string& folder, std::string* log) {
    std::error_code error;
    std::filesystem::create_directories(folder + "/deepinfra_sim", error);
    if (error == std::errc::not_enough_memory)
        throw std::bad_alloc();
    for (const PreludeFile* f = prelude_files(); f->name != nullptr; ++f) {
        std::string path = folder + "/deepinfra_sim/" + f->name;
        if (!write_file(path, std::string(f->begin, f->end))) {
            *log += "cannot write " + path + "\n";
            return false;
        }
    }
    return true;
}

// All that goes into an image.
std::string key_of(const CompileRequest& request) {
    std::uint64_t h = 0xcbf29ce484222325ULL, g = 0x9e3779b97f4a7c15ULL;
    auto add = [&](const std::string& text) {
        h = hash(h, text);
        g = hash(g ^ h, text);
    };
    add(request.source);
    add(request.name);
    for (const PreludeFile* f = prelude_files(); f->name != nullptr; ++f)
        add(std::string(f->begin, f->end));
    add(compiler_path());
    for (const std::string& o : fixed_options())
        add(o);
    for (const auto& [name, text] : request.headers) {
        add(name);
        add(text);
    }
    for (const std::string& a : request.arguments)
        add(a);
    for (const std::string& e : request.expressions)
        add(e);
    char key[64];
    std::snprintf(key, sizeof key, "%016llx%016llx.so", static_cast<unsigned long long>(h),
                  static_cast<unsigned long long>(g));
    return key;
}

// Options of NVRTC that mean something to the host's compiler; the rest is about GPUs.
bool translate_option(const std::string& option, std::vector<std::string>* to, std::string* log) {
    auto starts = [&](const char* prefix) {
        return option.compare(0, std::strlen(prefix), prefix) == 0;
    };
    if (starts("-D") || starts("-I") || starts("-U")) {
        to->push_back(option);
    } else if (starts("--define-macro=")) {
        to->push_back("-D" + option.substr(15));
    } else if (starts("--include-path=")) {
        to->push_back("-I" + option.substr(15));
    } else if (starts("--std=") || starts("-std=")) {
        std::string standard = option.substr(option.find('=') + 1);
        if (standard != "c++17" && standard != "c++20") {
            *log += "option " + option + ": the simulator compiles C++17 and C++20\n";
            return false;
        }
    } else if (starts("--gpu-architecture=") || starts("-arch=")) {
        std::string arch = option.substr(option.find('=') + 1);
        std::size_t digits = arch.find_first_of("0123456789");
        int number = digits == std::string::npos ? 0 : std::atoi(arch.c_str() + digits);
        if (number < 80 || number > 90) {
            *log += "option " + option + ": the simulator is an sm_90a\n";
            return false;
        }
        to->push_back("-D__CUDA_ARCH__=" + std::to_string(number * 10));
    } else if (!starts("-")) {
        *log += "option " + option + " is not known\n";
        return false;
    }
    return true;
}

int compile(Program& program, int count, const char* const* options) {
    CompileRequest& request = program.request;
    request.arguments.clear();
    for (int i = 0; i < count; ++i) {
        std::string option = options[i];
        // "-D X" and the like come in two parts too.
        if ((option == "-D" || option == "-I" || option == "-U") && i + 1 < count)
            option += options[++i];
        if (!translate_option(option, &request.arguments, &program.log))
            return kInvalidOption;
    }
    const std::string key = key_of(request);
    const ImageCache cache = ImageCache::of_environment();
    // Includes from disk are not part of the key: then nothing is reused.
    bool reusable = true;
    for (const std::string& a : request.arguments)
        reusable = reusable && a.compare(0, 2, "-I") != 0;
    if (reusable && cache.read(key, &program.image)) {
        program.compiled = true;
        return kSuccess;
    }
    const WorkFolder folder;
    if (folder.path().empty()) {
        program.log += "cannot make a folder in " + temporary_folder() + "\n";
        return kInternal;
    }
    request.folder = folder.path();
    request.prelude = request.folder + "/prelude";
    request.output = request.folder + "/image.so";
    if (!write_prelude(request.prelude, &program.log))
        return kInternal;
    CompileResult result = compile_image(request);
    program.log += result.log;
    if (!result.ok || !read_file(request.output, &program.image))
        return kCompilation;
    if (reusable)
        cache.write(key, program.image);
    program.compiled = true;
    return kSuccess;
}

Program* of(void* handle) { return static_cast<Program*>(handle); }

int copy_out(const std::string& text, char* to, bool terminate) {
    if (to == nullptr)
        return kInvalidInput;
    std::memcpy(to, text.data(), text.size());
    if (terminate)
        to[text.size()] = 0;
    return kSuccess;
}

} // namespace

CUDASIM_API const char* nvrtcGetErrorString(int result) {
    switch (result) {
    case kSuccess:
        return "NVRTC_SUCCESS";
    case kOutOfMemory:
        return "NVRTC_ERROR_OUT_OF_MEMORY";
    case kProgramCreationFailure:
        return "NVRTC_ERROR_PROGRAM_CREATION_FAILURE";
    case kInvalidInput:
        return "NVRTC_ERROR_INVALID_INPUT";
    case kInvalidProgram:
        return "NVRTC_ERROR_INVALID_PROGRAM";
    case kInvalidOption:
        return "NVRTC_ERROR_INVALID_OPTION";
    case kCompilation:
        return "NVRTC_ERROR_COMPILATION";
    case kNoNameExpressionsAfterCompilation:
        return "NVRTC_ERROR_NO_NAME_EXPRESSIONS_AFTER_COMPILATION";
    case kNoLoweredNamesBeforeCompilation:
        return "NVRTC_ERROR_NO_LOWERED_NAMES_BEFORE_COMPILATION";
    case kNameExpressionNotValid:
        return "NVRTC_ERROR_NAME_EXPRESSION_NOT_VALID";
    default:
        return "NVRTC_ERROR_INTERNAL_ERROR";
    }
}

CUDASIM_API int nvrtcVersion(int* major, int* minor) try {
    if (major == nullptr || minor == nullptr)
        return kInvalidInput;
    *major = 12;
    *minor = 4;
    return kSuccess;
}
CUDASIM_CATCH

CUDASIM_API int nvrtcGetNumSupportedArchs(int* count) try {
    if (count == nullptr)
        return kInvalidInput;
    *count = 4;
    return kSuccess;
}
CUDASIM_CATCH
CUDASIM_API int nvrtcGetSupportedArchs(int* archs) try {
    if (archs == nullptr)
        return kInvalidInput;
    const int known[] = {80, 86, 89, 90};
    std::memcpy(archs, known, sizeof known);
    return kSuccess;
}
CUDASIM_CATCH

CUDASIM_API int nvrtcCreateProgram(void** program, const char* source, const char* name,
                                   int header_count, const char* const* headers,
                                   const char* const* header_names) try {
    if (program == nullptr || source == nullptr || header_count < 0)
        return kInvalidInput;
    auto created = std::make_unique<Program>();
    created->request.source = source;
    if (name != nullptr && name[0] != 0)
        created->request.name = name;
    for (int i = 0; i < header_count; ++i)
        created->request.headers.emplace_back(header_names[i], headers[i]);
    *program = created.release();
    return kSuccess;
}
CUDASIM_CATCH

CUDASIM_API int nvrtcDestroyProgram(void** program) try {
    if (program == nullptr || *program == nullptr)
        return kInvalidProgram;
    delete of(*program);
    *program = nullptr;
    return kSuccess;
}
CUDASIM_CATCH

CUDASIM_API int nvrtcAddNameExpression(void* program, const char* expression) try {
    if (program == nullptr || expression == nullptr)
        return kInvalidInput;
    if (of(program)->compiled)
        return kNoNameExpressionsAfterCompilation;
    std::string text = expression;
    while (!text.empty() && (text[0] == '&' || text[0] == ' '))
        text.erase(0, 1);
    of(program)->request.expressions.push_back(text);
    return kSuccess;
}
CUDASIM_CATCH

CUDASIM_API int nvrtcCompileProgram(void* program, int count, const char* const* options) try {
    if (program == nullptr || count < 0)
        return kInvalidInput;
    of(program)->log.clear();
    return compile(*of(program), count, options);
}
CUDASIM_CATCH

CUDASIM_API int nvrtcGetLoweredName(void* program, const char* expression, const char** name) try {
    if (program == nullptr || expression == nullptr || name == nullptr)
        return kInvalidInput;
    Program& p = *of(program);
    if (!p.compiled)
        return kNoLoweredNamesBeforeCompilation;
    std::string text = expression;
    while (!text.empty() && (text[0] == '&' || text[0] == ' '))
        text.erase(0, 1);
    static std::mutex mutex;
    static auto* names =
        new std::vector<std::unique_ptr<std::string>>; // never freed: callers keep the pointers
    for (std::size_t i = 0; i < p.request.expressions.size(); ++i) {
        if (p.request.expressions[i] != text)
            continue;
        std::lock_guard<std::mutex> lock(mutex);
        while (names->size() <= i)
            names->push_back(std::make_unique<std::string>(expression_symbol(names->size())));
        *name = (*names)[i]->c_str();
        return kSuccess;
    }
    return kNameExpressionNotValid;
}
CUDASIM_CATCH

CUDASIM_API int nvrtcGetProgramLogSize(void* program, std::size_t* bytes) try {
    if (program == nullptr || bytes == nullptr)
        return kInvalidInput;
    *bytes = of(program)->log.size() + 1;
    return kSuccess;
}
CUDASIM_CATCH
CUDASIM_API int nvrtcGetProgramLog(void* program, char* log) try {
    return program == nullptr ? kInvalidProgram : copy_out(of(program)->log, log, true);
}
CUDASIM_CATCH
CUDASIM_API int nvrtcGetCUBINSize(void* program, std::size_t* bytes) try {
    if (program == nullptr || bytes == nullptr)
        return kInvalidInput;
    *bytes = of(program)->image.size();
    return kSuccess;
}
CUDASIM_CATCH
CUDASIM_API int nvrtcGetCUBIN(void* program, char* image) try {
    return program == nullptr ? kInvalidProgram : copy_out(of(program)->image, image, false);
}
CUDASIM_CATCH
// There is no PTX: the size of nothing is that of a terminator.
CUDASIM_API int nvrtcGetPTXSize(void* program, std::size_t* bytes) try {
    if (program == nullptr || bytes == nullptr)
        return kInvalidInput;
    *bytes = 1;
    return kSuccess;
}
CUDASIM_CATCH
CUDASIM_API int nvrtcGetPTX(void* program, char* text) try {
    return program == nullptr ? kInvalidProgram : copy_out("", text, true);
}
CUDASIM_CATCH
