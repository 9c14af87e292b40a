# SPDX-License-Identifier: MIT
# deepinfra_add_library(<area> [NO_CUDA] SOURCES ...): the shared library deepinfra_<area> with all that packages ask of it.
# NO_CUDA is for one that has nothing to do with GPUs: it says nothing of CUDA, and what is built without it can be packed.

# Libraries without CUDA kernels are for tests; they must not take the place of those that are packed.
if(NOT DEEPINFRA_OUTPUT_DIRECTORY)
    set(suffix "")
    if(NOT DEEPINFRA_CUDA_HOME)
        set(suffix "-nocuda")
    endif()
    set(DEEPINFRA_OUTPUT_DIRECTORY "${PROJECT_SOURCE_DIR}/../artifacts/native/${DEEPINFRA_RID}/${CMAKE_BUILD_TYPE}${suffix}")
endif()
cmake_path(ABSOLUTE_PATH DEEPINFRA_OUTPUT_DIRECTORY NORMALIZE)
# Packed from there: an instrumented one must not take its place, nor lie where tests look for libraries.
set(suffix "-cpu")
if(DEEPINFRA_SANITIZE)
    set(suffix "-cpu-${DEEPINFRA_SANITIZE}")
endif()
set(DEEPINFRA_CPU_OUTPUT_DIRECTORY "${PROJECT_SOURCE_DIR}/../artifacts/native/${DEEPINFRA_RID}/${CMAKE_BUILD_TYPE}${suffix}")
cmake_path(ABSOLUTE_PATH DEEPINFRA_CPU_OUTPUT_DIRECTORY NORMALIZE)

set(DEEPINFRA_COMMON_SOURCES
    "${PROJECT_SOURCE_DIR}/common/host/driver.cpp"
    "${PROJECT_SOURCE_DIR}/common/host/error.cpp"
    "${PROJECT_SOURCE_DIR}/common/host/kernel.cpp"
    "${PROJECT_SOURCE_DIR}/common/host/tensor.cpp"
)

function(deepinfra_add_library area)
    cmake_parse_arguments(PARSE_ARGV 1 ARG "NO_CUDA" "" "SOURCES")
    set(target deepinfra_${area})
    set(common ${DEEPINFRA_COMMON_SOURCES})
    set(folder "${DEEPINFRA_OUTPUT_DIRECTORY}")
    if(ARG_NO_CUDA)
        set(common "${PROJECT_SOURCE_DIR}/common/host/error.cpp")
        set(folder "${DEEPINFRA_CPU_OUTPUT_DIRECTORY}")
    endif()
    add_library(${target} SHARED ${ARG_SOURCES} ${common})
    target_link_libraries(${target} PRIVATE deepinfra_host ${CMAKE_DL_LIBS})
    set_target_properties(
        ${target}
        PROPERTIES LIBRARY_OUTPUT_DIRECTORY "${folder}" BUILD_RPATH "\$ORIGIN" INSTALL_RPATH "\$ORIGIN"
                   BUILD_WITH_INSTALL_RPATH ON
    )
    # Loads next to any other C++ library: nothing is shared with it, and only the C ABI is visible.
    target_compile_options(${target} PRIVATE -ffunction-sections -fdata-sections)
    target_link_options(
        ${target}
        PRIVATE -static-libstdc++ -static-libgcc "LINKER:--exclude-libs,ALL" "LINKER:--gc-sections" "LINKER:-z,noexecstack"
                "LINKER:--version-script=${PROJECT_SOURCE_DIR}/cmake/exports.map"
    )
    set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS "${PROJECT_SOURCE_DIR}/cmake/exports.map")
    if(NOT DEEPINFRA_SANITIZE) # a sanitised library finds the sanitiser in the program
        target_link_options(${target} PRIVATE "LINKER:--no-undefined")
    endif()
    deepinfra_write_build_info(${target} ${ARG_NO_CUDA})
endfunction()

# build_info.h of a library: the JSON that di_<area>_build_info returns.
function(deepinfra_write_build_info target no_cuda)
    execute_process(
        COMMAND git rev-parse HEAD
        WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
        OUTPUT_VARIABLE commit
        ERROR_QUIET
        OUTPUT_STRIP_TRAILING_WHITESPACE
    )
    if(NOT commit)
        set(commit unknown)
    endif()
    list(TRANSFORM DEEPINFRA_CUDA_TARGETS PREPEND "sm_" OUTPUT_VARIABLE targets)
    list(TRANSFORM targets REPLACE "(.+)" "\\\\\"\\1\\\\\"")
    list(JOIN targets "," targets)
    set(cuda ",\\\"cuda\\\":\\\"${DEEPINFRA_CUDA_VERSION}\\\",\\\"architectures\\\":[${targets}]")
    if(no_cuda)
        set(cuda "")
    endif()
    set(folder "${CMAKE_CURRENT_BINARY_DIR}/generated/${target}")
    file(
        CONFIGURE
        OUTPUT "${folder}/build_info.h"
        CONTENT
            "// Written by CMake.
#pragma once
#define DEEPINFRA_BUILD_INFO \\
    \"{\\\"version\\\":\\\"@PROJECT_VERSION@\\\",\\\"commit\\\":\\\"@commit@\\\",\" \\
    \"\\\"compiler\\\":\\\"@CMAKE_CXX_COMPILER_ID@ @CMAKE_CXX_COMPILER_VERSION@\\\"@cuda@}\"
"
        @ONLY
    )
    target_include_directories(${target} PRIVATE "${folder}")
endfunction()
