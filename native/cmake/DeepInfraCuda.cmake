# SPDX-License-Identifier: MIT
# Finds the CUDA toolkit (cuda-toolkit.sh has the order) and sets DEEPINFRA_CUDA_HOME, DEEPINFRA_CUDA_VERSION and
# DEEPINFRA_CUDA_TARGETS, the architectures to compile for. All are empty without a toolkit.
set(DEEPINFRA_CUDA_HOME "")
set(DEEPINFRA_CUDA_VERSION "")
set(DEEPINFRA_CUDA_TARGETS "")
if(DEEPINFRA_BUILD_CUDA STREQUAL "OFF")
    return()
endif()

execute_process(
    COMMAND "${PROJECT_SOURCE_DIR}/cmake/cuda-toolkit.sh" find
    OUTPUT_VARIABLE DEEPINFRA_CUDA_HOME
    ERROR_VARIABLE deepinfra_cuda_reason
    RESULT_VARIABLE deepinfra_cuda_result
    OUTPUT_STRIP_TRAILING_WHITESPACE
    ERROR_STRIP_TRAILING_WHITESPACE
)
if(NOT deepinfra_cuda_result EQUAL 0)
    if(DEEPINFRA_BUILD_CUDA STREQUAL "ON")
        message(FATAL_ERROR "${deepinfra_cuda_reason}")
    endif()
    message(STATUS "CUDA kernels are skipped: ${deepinfra_cuda_reason}")
    set(DEEPINFRA_CUDA_HOME "")
    return()
endif()

set(DEEPINFRA_NVCC "${DEEPINFRA_CUDA_HOME}/bin/nvcc")
execute_process(COMMAND "${DEEPINFRA_NVCC}" --version OUTPUT_VARIABLE deepinfra_nvcc_version COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCH "release ([0-9]+\\.[0-9]+)" _ "${deepinfra_nvcc_version}")
set(DEEPINFRA_CUDA_VERSION "${CMAKE_MATCH_1}")
if(DEEPINFRA_CUDA_VERSION VERSION_LESS 12.4)
    message(FATAL_ERROR "CUDA 12.4 or newer is needed, ${DEEPINFRA_NVCC} is ${DEEPINFRA_CUDA_VERSION}")
endif()

execute_process(COMMAND "${DEEPINFRA_NVCC}" --list-gpu-arch OUTPUT_VARIABLE deepinfra_known COMMAND_ERROR_IS_FATAL ANY)
if(DEEPINFRA_CUDA_ARCHS)
    set(DEEPINFRA_CUDA_TARGETS ${DEEPINFRA_CUDA_ARCHS})
else()
    foreach(arch 80 86 89 90a 100a 120a)
        string(REGEX REPLACE "a$" "" base "${arch}")
        if(deepinfra_known MATCHES "compute_${base}(\n|$)")
            list(APPEND DEEPINFRA_CUDA_TARGETS ${arch})
        endif()
    endforeach()
endif()
list(JOIN DEEPINFRA_CUDA_TARGETS ", " deepinfra_targets)
message(STATUS "CUDA ${DEEPINFRA_CUDA_VERSION} in ${DEEPINFRA_CUDA_HOME}, architectures ${deepinfra_targets}")
