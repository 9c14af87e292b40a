# SPDX-License-Identifier: MIT
# deepinfra_sim_kernels(<target> <sources...>): an object library of device code compiled for the simulator.
# The sources are .cu or .cpp files; they see the simulator's prelude before everything else.
set(DEEPINFRA_SIM_KERNEL_OPTIONS
    -x c++ -std=c++20 -O2 -g1 -gdwarf-4 -fPIC -fwrapv -fno-strict-aliasing -ffp-contract=off
    -fno-optimize-sibling-calls # a call in tail position keeps its return address, which reports turn into a line
    -fsanitize=thread,alignment --param=tsan-distinguish-volatile=1 --param=tsan-instrument-func-entry-exit=0
    -Wall -Wextra -Wno-unknown-pragmas -Wno-attributes
    -include ${CMAKE_CURRENT_LIST_DIR}/../include/deepinfra_sim/prelude.h)

function(deepinfra_sim_kernels target)
    add_library(${target} OBJECT ${ARGN})
    set_source_files_properties(${ARGN} PROPERTIES LANGUAGE CXX)
    target_compile_options(${target} PRIVATE ${DEEPINFRA_SIM_KERNEL_OPTIONS})
    target_include_directories(${target} PRIVATE
        ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../include ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../.. ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../../common)
endfunction()

# deepinfra_sim_compile_image(<area> <source> <variable>): compiles a kernel source into an image for the
# simulator and sets the variable to the image's path. Kernels with C linkage are found by themselves.
function(deepinfra_sim_compile_image area source variable)
    cmake_path(GET source STEM name)
    set(image "${CMAKE_CURRENT_BINARY_DIR}/images/${area}_${name}.sim.so")
    add_custom_command(
        OUTPUT "${image}"
        COMMAND deepinfra_simcc --prelude "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../include" -o "${image}" --depfile "${image}.d"
            -I${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../.. -I${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../../include -I${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../../common "${source}"
        DEPENDS "${source}" deepinfra_simcc
        DEPFILE "${image}.d"
        COMMENT "simulator image of ${name}"
        VERBATIM)
    set_property(GLOBAL APPEND PROPERTY DEEPINFRA_SIM_IMAGES "${image}")
    set(${variable} "${image}" PARENT_SCOPE)
endfunction()
