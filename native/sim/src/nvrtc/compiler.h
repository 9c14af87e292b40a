// SPDX-License-Identifier: MIT
// Compiling device code with the host's C++ compiler into an image for the simulator.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace cudasim::nvrtc {

struct CompileRequest {
    std::string source;                                       // text, or
    std::string path;                                         // a file that is compiled where it is
    std::string name = "kernel.cu";                           // for messages
    std::vector<std::pair<std::string, std::string>> headers; // in memory: name and text
    std::vector<std::string> arguments;                       // -I, -D, -std of the caller
    std::vector<std::string> expressions;                     // kernels by C++ name
    std::string prelude;                                      // folder with deepinfra_sim/
    std::string folder;                                       // empty folder to work in
    std::string output;                                       // image to write
    std::string dependencies;                                 // make rules to write, or empty
};

struct CompileResult {
    bool ok = false;
    std::string log;
    std::vector<std::string> kernels; // C names of the kernels found, then one per expression
};

CompileResult compile_image(const CompileRequest& request);

// C names by which expressions become visible: "di_expr_0", ...
std::string expression_symbol(std::size_t index);

// The compiler: DEEPINFRA_CUDASIM_CXX, else g++.
std::string compiler_path();

// The options of every compilation.
const std::vector<std::string>& fixed_options();

// A kernel with C linkage in preprocessed text.
struct FoundKernel {
    std::string name;      // C name
    std::string qualified; // how C++ reaches it
};
std::vector<FoundKernel> find_kernels(const std::string& preprocessed);

// Runs a program and collects what it writes; -1 when it cannot be started. It has ended whichever
// way this is left.
int run_program(const std::vector<std::string>& arguments, std::string* output);

// An open file, which ends with its scope.
struct CloseFile {
    void operator()(FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<FILE, CloseFile>;

// These throw std::bad_alloc where memory is what is missing; false is about the file.
bool write_file(const std::string& path, const std::string& text);
// A name beside the path that no other thread or process has: a file is written there, and then
// renamed.
std::string temporary_name(const std::string& path);
bool read_all(FILE* file, std::string* text);
bool read_file(const std::string& path, std::string* text);

} // namespace cudasim::nvrtc
