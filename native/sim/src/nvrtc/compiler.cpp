// SPDX-License-Identifier: MIT
#include "nvrtc/compiler.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <new>

extern char** environ;

namespace cudasim::nvrtc {

namespace {

// Null if it cannot be opened.
File open_file(const std::string& path, const char* mode) {
    File file(std::fopen(path.c_str(), mode));
    if (file == nullptr && errno == ENOMEM)
        throw std::bad_alloc();
    return file;
}

} // namespace

bool write_file(const std::string& path, const std::string& text) {
    File file = open_file(path, "wb");
    if (file == nullptr)
        return false;
    bool ok = std::fwrite(text.data(), 1, text.size(), file.get()) == text.size();
    return std::fclose(file.release()) == 0 && ok;
}

std::string temporary_name(const std::string& path) {
    static std::atomic<unsigned> count{0};
    return path + "." + std::to_string(getpid()) + "-" + std::to_string(count++) + ".tmp";
}

bool read_all(FILE* file, std::string* text) {
    text->clear();
    char buffer[65536];
    std::size_t n;
    while ((n = std::fread(buffer, 1, sizeof buffer, file)) > 0)
        text->append(buffer, n);
    return std::ferror(file) == 0;
}

bool read_file(const std::string& path, std::string* text) {
    File file = open_file(path, "rb");
    return file != nullptr && read_all(file.get(), text);
}

namespace {

class Pipe {
  public:
    Pipe() {
        if (pipe2(ends_, O_CLOEXEC) != 0)
            ends_[0] = ends_[1] = -1;
    }
    ~Pipe() {
        close_end(0);
        close_end(1);
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;

    int reading() const { return ends_[0]; }
    int writing() const { return ends_[1]; }
    void close_writing() { close_end(1); }

  private:
    void close_end(int end) {
        if (ends_[end] >= 0)
            close(ends_[end]);
        ends_[end] = -1;
    }
    int ends_[2];
};

class Child {
  public:
    Child() = default;
    ~Child() {
        if (id > 0)
            wait();
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    // Its exit code, or -1.
    int wait() {
        int status = 0;
        while (waitpid(id, &status, 0) < 0 && errno == EINTR) {
        }
        id = 0;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

    pid_t id = 0;
};

// Starts a program whose output goes to a file; an error of errno, or 0.
int start(char* const* arguments, int output, pid_t* child) {
    posix_spawn_file_actions_t actions;
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed != 0)
        return failed;
    for (int stream : {1, 2})
        if (failed == 0)
            failed = posix_spawn_file_actions_adddup2(&actions, output, stream);
    if (failed == 0)
        failed = posix_spawnp(child, arguments[0], &actions, nullptr, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

} // namespace

int run_program(const std::vector<std::string>& arguments, std::string* output) {
    std::vector<char*> argv;
    for (const std::string& a : arguments)
        argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    Child child; // outlives the pipe: a child that still writes must not wait for a reader
    Pipe pipe;
    if (pipe.reading() < 0)
        return -1;
    const int failed = start(argv.data(), pipe.writing(), &child.id);
    if (failed == ENOMEM)
        throw std::bad_alloc();
    if (failed != 0)
        return -1;
    pipe.close_writing();
    char buffer[4096];
    ssize_t n;
    while ((n = read(pipe.reading(), buffer, sizeof buffer)) > 0 || (n < 0 && errno == EINTR)) {
        if (n > 0)
            output->append(buffer, static_cast<std::size_t>(n));
    }
    return child.wait();
}

std::string compiler_path() {
    const char* chosen = std::getenv("DEEPINFRA_CUDASIM_CXX");
    return chosen != nullptr && chosen[0] != 0 ? chosen : "g++";
}

const std::vector<std::string>& fixed_options() {
    static const auto* options = new std::vector<std::string>{
        "-x", "c++", "-std=c++20", "-O2", "-g1", "-gdwarf-4", "-fPIC", "-fwrapv",
        "-fno-strict-aliasing", "-ffp-contract=off",
        // A jump in place of a last call would leave no return address for reports to turn into a
        // line.
        "-fno-optimize-sibling-calls",
        // Unique symbols would keep an image loaded for ever.
        "-fno-gnu-unique", "-fvisibility=hidden", "-fsanitize=thread,alignment",
        "--param=tsan-distinguish-volatile=1", "--param=tsan-instrument-func-entry-exit=0",
        "-Wno-unknown-pragmas", "-Wno-attributes"};
    return *options;
}

std::string expression_symbol(std::size_t index) { return "di_expr_" + std::to_string(index); }

namespace {

std::vector<std::string> base_command(const CompileRequest& request) {
    std::vector<std::string> command = {compiler_path()};
    command.insert(command.end(), fixed_options().begin(), fixed_options().end());
    for (const std::string& a :
         {"-I" + request.prelude, std::string("-include"), std::string("deepinfra_sim/prelude.h")})
        command.push_back(a);
    if (!request.headers.empty())
        command.push_back("-I" + request.folder + "/headers");
    for (const std::string& a : request.arguments)
        command.push_back(a);
    return command;
}

// In-memory headers become files; their names may have folders but not leave them.
bool write_headers(const CompileRequest& request, std::string* log) {
    if (request.headers.empty())
        return true;
    std::string root = request.folder + "/headers";
    mkdir(root.c_str(), 0700);
    for (const auto& [name, text] : request.headers) {
        if (name.empty() || name[0] == '/' || name.find("..") != std::string::npos) {
            *log += "header name '" + name + "' is not a relative path\n";
            return false;
        }
        for (std::size_t slash = name.find('/'); slash != std::string::npos;
             slash = name.find('/', slash + 1)) {
            mkdir((root + "/" + name.substr(0, slash)).c_str(), 0700);
        }
        if (!write_file(root + "/" + name, text)) {
            *log += "cannot write header '" + name + "' below " + root + "\n";
            return false;
        }
    }
    return true;
}

} // namespace

CompileResult compile_image(const CompileRequest& request) {
    CompileResult result;
    std::string main = request.path;
    if (main.empty()) {
        // Under its own name, which is what messages and source lines then say.
        std::size_t slash = request.name.rfind('/');
        main = request.folder + "/" +
               (slash == std::string::npos ? request.name : request.name.substr(slash + 1));
        if (!write_file(main, request.source)) {
            result.log = "cannot write " + main + "\n";
            return result;
        }
    }
    if (!write_headers(request, &result.log))
        return result;

    std::vector<std::string> scan = base_command(request);
    std::string preprocessed = request.folder + "/preprocessed.ii";
    for (const char* a : {"-w", "-E", "-P", "-DDI_SIM_GLOBAL_MARK=__di_sim_kernel_mark__", "-o"})
        scan.push_back(a);
    scan.push_back(preprocessed);
    scan.push_back(main);
    int code = run_program(scan, &result.log);
    if (code < 0) {
        result.log +=
            "the compiler '" + compiler_path() +
            "' cannot be started: the simulator compiles kernels with the host's C++ compiler (set "
            "DEEPINFRA_CUDASIM_CXX)\n";
        return result;
    }
    std::string text;
    if (code != 0 || !read_file(preprocessed, &text))
        return result;

    std::string wrapper = "#include \"" + main + "\"\n";
    for (const FoundKernel& k : find_kernels(text)) {
        wrapper += "DI_SIM_KERNEL(" + k.name + ", 0, " + k.qualified + ");\n";
        result.kernels.push_back(k.name);
    }
    for (std::size_t i = 0; i < request.expressions.size(); ++i) {
        wrapper += "#line 1 \"name expression\"\nDI_SIM_KERNEL(" + expression_symbol(i) + ", 0, " +
                   request.expressions[i] + ");\n";
        result.kernels.push_back(expression_symbol(i));
    }
    std::string wrapper_path = request.folder + "/image.cpp";
    if (!write_file(wrapper_path, wrapper)) {
        result.log += "cannot write " + wrapper_path + "\n";
        return result;
    }
    std::vector<std::string> build = base_command(request);
    if (!request.dependencies.empty()) {
        for (const std::string& a : {std::string("-MMD"), std::string("-MF"), request.dependencies,
                                     std::string("-MT"), request.output}) {
            build.push_back(a);
        }
    }
    // The object is linked without the sanitizers' run-time libraries: the simulator is the
    // run-time library.
    std::string object = request.folder + "/image.o";
    for (const std::string& a : {std::string("-c"), std::string("-o"), object, wrapper_path})
        build.push_back(a);
    if (run_program(build, &result.log) != 0)
        return result;
    std::string temporary = temporary_name(request.output);
    code = run_program({compiler_path(), "-shared", "-nostdlib", "-Wl,-z,noexecstack", "-o",
                        temporary, object, "-lm", "-lc"},
                       &result.log);
    if (code != 0 || std::rename(temporary.c_str(), request.output.c_str()) != 0)
        return result;
    result.ok = true;
    return result;
}

} // namespace cudasim::nvrtc
