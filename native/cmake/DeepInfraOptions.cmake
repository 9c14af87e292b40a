# SPDX-License-Identifier: MIT
# Cache options and what every target is compiled with.
set(DEEPINFRA_BUILD_CUDA "AUTO" CACHE STRING "Compile kernels with nvcc: AUTO (if found), ON (fail without), OFF")
set_property(CACHE DEEPINFRA_BUILD_CUDA PROPERTY STRINGS AUTO ON OFF)
set(DEEPINFRA_CUDA_ARCHS "" CACHE STRING "Architectures of CUDA kernels, such as 80;90a; empty is all that the toolkit knows")
set(DEEPINFRA_SANITIZE "" CACHE STRING "Instrument host code: address, undefined or thread")
set_property(CACHE DEEPINFRA_SANITIZE PROPERTY STRINGS "" address undefined thread)
option(DEEPINFRA_WERROR "Treat warnings as errors" ON)
option(DEEPINFRA_BUILD_TESTS "Build the native tests" ON)
set(DEEPINFRA_OUTPUT_DIRECTORY "" CACHE PATH "Where libraries go; empty is artifacts/native/<rid>/<config>[-nocuda]")

if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release)
endif()
string(TOLOWER "${CMAKE_SYSTEM_PROCESSOR}" deepinfra_processor)
if(deepinfra_processor MATCHES "^(x86_64|amd64)$")
    set(DEEPINFRA_RID linux-x64)
elseif(deepinfra_processor MATCHES "^(aarch64|arm64)$")
    set(DEEPINFRA_RID linux-arm64)
else()
    message(FATAL_ERROR "deepinfra: expected x86-64 or arm64, got ${CMAKE_SYSTEM_PROCESSOR}")
endif()
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# Options of every host target: deepinfra_host is linked by all of them.
add_library(deepinfra_host INTERFACE)
target_include_directories(deepinfra_host INTERFACE "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/include")
# The checkout's place must not end up in binaries: two builds of one commit are equal.
target_compile_options(
    deepinfra_host
    INTERFACE $<$<COMPILE_LANGUAGE:C,CXX>:-Wall
              -Wextra
              -Wshadow=local
              -ffp-contract=off
              -ffile-prefix-map=${PROJECT_SOURCE_DIR}=native
              $<$<BOOL:${DEEPINFRA_WERROR}>:-Werror>>
)
if(DEEPINFRA_SANITIZE)
    target_compile_options(deepinfra_host INTERFACE -fsanitize=${DEEPINFRA_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(deepinfra_host INTERFACE -fsanitize=${DEEPINFRA_SANITIZE})
endif()
