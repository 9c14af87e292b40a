// SPDX-License-Identifier: MIT
// Run-time compilation on a machine without memory: each allocation fails in turn, alone or with
// all that follow. The call answers that there is none, and leaves nothing behind.
#include <sys/wait.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>

#include "allocation_limit.h"
#include "driver_library.h"
#include "environment.h"

namespace cudasim::test {
namespace {

namespace fs = std::filesystem;

constexpr int kOutOfMemory = 1, kCompilation = 6;

// In place of the compiler, as there are hundreds of compilations: whatever it is to write is this
// text, which is longer than a buffer. In that of a preprocessor a kernel is found.
constexpr const char* kCompiler = R"(#!/bin/sh
[ -z "$FAKE_MESSAGE" ] || echo "$FAKE_MESSAGE"
while [ "$1" != -o ]; do shift; done
cp "${0%/*}/text" "$2"
)";

class NvrtcFailures : public testing::Test {
  protected:
    void SetUp() override {
        char name[] = "/tmp/cudasim-nvrtc-XXXXXX";
        ASSERT_NE(mkdtemp(name), nullptr);
        top = name;
        cache = top / "cache";
        work = top / "work";
        fs::create_directories(work);
        text = "namespace n { extern \"C\" __di_sim_kernel_mark__ void f(int* p) { } }\n//" +
               std::string(100'000, 'x') + "\n";
        std::ofstream(top / "text") << text;
        std::ofstream(top / "compiler") << kCompiler;
        fs::permissions(top / "compiler", fs::perms::owner_all);
        environment.set("DEEPINFRA_CUDASIM_CXX", (top / "compiler").c_str());
        environment.set("DEEPINFRA_CACHE_DIR", cache.c_str());
        environment.set("TMPDIR", work.c_str());
    }
    void TearDown() override { fs::remove_all(top); }

    int create() {
        const char *headers[] = {"int a;", "int b;"}, *names[] = {"folder/a.h", "b.h"};
        return cu.exported("nvrtcCreateProgram", &program, "#include <b.h>\n", "folder/kernel.cu",
                           2, static_cast<const char* const*>(headers),
                           static_cast<const char* const*>(names));
    }
    int compile() {
        const char* options[] = {"--gpu-architecture=sm_90a", "--std=c++20", "-D",
                                 "NAME=a value that does not fit into the text itself"};
        return cu.exported("nvrtcCompileProgram", program, 4, &options[0]);
    }
    int lowered_name(const char** name) {
        return cu.exported("nvrtcGetLoweredName", program,
                           static_cast<const char*>("&a_kernel_with_a_long_name<float, 128>"),
                           name);
    }
    int add_expression() {
        return cu.exported("nvrtcAddNameExpression", program,
                           static_cast<const char*>("&a_kernel_with_a_long_name<float, 128>"));
    }
    std::string text_of(const char* size_function, const char* function) {
        std::size_t bytes = 0;
        EXPECT_EQ(cu.exported(size_function, program, &bytes), 0);
        std::string result(bytes, ' ');
        EXPECT_EQ(cu.exported(function, program, result.data()), 0);
        return result;
    }
    std::string image() { return text_of("nvrtcGetCUBINSize", "nvrtcGetCUBIN"); }
    std::string log() { return text_of("nvrtcGetProgramLogSize", "nvrtcGetProgramLog"); }

    static std::size_t count(const fs::path& folder) {
        return static_cast<std::size_t>(
            std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
    }

    // Makes every allocation of call() fail, and checks after each failure that what the call has
    // opened, started and written is gone. The number of failures.
    int fail_each(
        Failing failing, const std::function<int()>& call,
        const std::function<void()>& before = [] {}) {
        const std::size_t files = count("/proc/self/fd");
        int failures = 0;
        for (long n = 0; n < 5000; ++n) {
            before();
            limit_allocations(n, failing);
            const int result = call();
            const bool failed = end_limit();
            if (!failed) {
                EXPECT_EQ(result, 0);
                return failures;
            }
            // What can be done without is left out: to keep the image, to remove the folder.
            if (result != 0) {
                ++failures;
                EXPECT_EQ(result, kOutOfMemory) << "allocation " << n << ": " << log_or_nothing();
            }
            EXPECT_EQ(count("/proc/self/fd"), files) << "allocation " << n;
            EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1) << "allocation " << n;
            // Removing a folder needs memory, too.
            if (failing == Failing::One && result != 0) {
                EXPECT_TRUE(fs::is_empty(work)) << "allocation " << n;
            }
            if (HasFailure())
                return -1;
            for (const auto& entry : fs::directory_iterator(work))
                fs::remove_all(entry);
        }
        ADD_FAILURE() << "no end";
        return -1;
    }
    std::string log_or_nothing() { return program != nullptr ? log() : ""; }

    DriverLibrary& cu = DriverLibrary::instance();
    fs::path top, cache, work;
    std::string text;
    Environment environment;
    void* program = nullptr;
};

TEST_F(NvrtcFailures, OfMakingAProgram_AnswerOutOfMemory) {
    for (Failing failing : {Failing::All, Failing::One}) {
        auto destroy = [&] {
            if (program != nullptr)
                cu.exported("nvrtcDestroyProgram", &program);
        };
        EXPECT_GT(fail_each(
                      failing, [&] { return create(); }, destroy),
                  0);
        EXPECT_GT(fail_each(failing, [&] { return add_expression(); }), 0);
        ASSERT_EQ(compile(), 0) << log();
        const char* name = nullptr;
        EXPECT_GT(fail_each(failing, [&] { return lowered_name(&name); }), 0);
        EXPECT_STREQ(name, "di_expr_0");
        destroy();
    }
}

TEST_F(NvrtcFailures, OfACompilation_AnswerOutOfMemoryAndLeaveNothing) {
    for (Failing failing : {Failing::All, Failing::One}) {
        ASSERT_EQ(create(), 0);
        ASSERT_EQ(add_expression(), 0);

        EXPECT_GT(fail_each(
                      failing, [&] { return compile(); }, [&] { fs::remove_all(cache); }),
                  100);

        // The program is as good as new.
        EXPECT_TRUE(image() == text);
        EXPECT_EQ(log(), std::string(1, '\0'));
        // The only file is the image: none is half written.
        EXPECT_EQ(count(cache / "cudasim"), 1u);
        cu.exported("nvrtcDestroyProgram", &program);
    }
}

TEST_F(NvrtcFailures, OfACompilationWithALog_LoseNoMessage) {
    const std::string message(300, 'm');
    environment.set("FAKE_MESSAGE", message.c_str());
    ASSERT_EQ(create(), 0);

    EXPECT_GT(fail_each(
                  Failing::One, [&] { return compile(); }, [&] { fs::remove_all(cache); }),
              100);

    // Once each of the preprocessor, the compiler and the linker.
    EXPECT_EQ(log(), message + "\n" + message + "\n" + message + "\n" + std::string(1, '\0'));
    cu.exported("nvrtcDestroyProgram", &program);
}

TEST_F(NvrtcFailures, OfAKnownImage_AnswerOutOfMemoryOrCompileIt) {
    for (Failing failing : {Failing::All, Failing::One}) {
        ASSERT_EQ(create(), 0);
        ASSERT_EQ(compile(), 0) << log();

        EXPECT_GT(fail_each(failing, [&] { return compile(); }), 10);

        EXPECT_TRUE(image() == text);
        cu.exported("nvrtcDestroyProgram", &program);
    }
}

TEST_F(NvrtcFailures, OfTheCompilerItself_AreNotTakenForOnesOfMemory) {
    fs::remove(top / "text");
    ASSERT_EQ(create(), 0);

    EXPECT_EQ(compile(), kCompilation);

    EXPECT_NE(log().find("cp:"), std::string::npos) << log();
    EXPECT_TRUE(fs::is_empty(work));
    cu.exported("nvrtcDestroyProgram", &program);
}

} // namespace
} // namespace cudasim::test
