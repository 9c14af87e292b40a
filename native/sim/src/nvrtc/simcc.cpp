// SPDX-License-Identifier: MIT
// deepinfra_simcc: compiles a kernel source ahead of time into an image for the simulator.
//   deepinfra_simcc --prelude DIR -o IMAGE [--depfile FILE] [--expression NAME]... [-I.. -D..]...
//   SOURCE
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <unistd.h>

#include "nvrtc/compiler.h"

int main(int argc, char** argv) {
    cudasim::nvrtc::CompileRequest request;
    for (int i = 1; i < argc; ++i) {
        std::string a = argv[i];
        auto value = [&] { return i + 1 < argc ? std::string(argv[++i]) : std::string(); };
        if (a == "--prelude") {
            request.prelude = value();
        } else if (a == "-o") {
            request.output = value();
        } else if (a == "--depfile") {
            request.dependencies = value();
        } else if (a == "--expression") {
            request.expressions.push_back(value());
        } else if (a[0] == '-') {
            request.arguments.push_back(a);
        } else {
            request.path = a;
        }
    }
    if (request.path.empty() || request.output.empty() || request.prelude.empty()) {
        std::fprintf(stderr, "usage: deepinfra_simcc --prelude DIR -o IMAGE [--depfile FILE] "
                             "[--expression NAME] SOURCE\n");
        return 2;
    }
    request.path = std::filesystem::absolute(request.path).string();
    char folder[] = "/tmp/deepinfra-simcc-XXXXXX";
    if (mkdtemp(folder) == nullptr) {
        std::perror("mkdtemp");
        return 1;
    }
    request.folder = folder;
    cudasim::nvrtc::CompileResult result = cudasim::nvrtc::compile_image(request);
    std::filesystem::remove_all(folder);
    std::fputs(result.log.c_str(), stderr);
    return result.ok ? 0 : 1;
}
