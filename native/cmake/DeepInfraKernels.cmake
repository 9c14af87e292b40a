# SPDX-License-Identifier: MIT
# deepinfra_add_kernels(<area> SOURCES a.cu ... [ARCHS 90a ...] [PTX 80]): compiles kernel sources and embeds them into
# deepinfra_<area> as di::<area>::images::<file name>. Each source becomes an image of its own: cubins by nvcc where there
# is a toolkit, and the same source compiled by the host compiler where the simulator is part of the build.

function(deepinfra_add_kernels area)
    cmake_parse_arguments(PARSE_ARGV 1 ARG "" "PTX" "SOURCES;ARCHS")
    set(archs ${DEEPINFRA_CUDA_TARGETS})
    if(ARG_ARCHS)
        set(archs)
        foreach(arch ${ARG_ARCHS})
            if(arch IN_LIST DEEPINFRA_CUDA_TARGETS)
                list(APPEND archs ${arch})
            endif()
        endforeach()
    endif()

    set(folder "${CMAKE_CURRENT_BINARY_DIR}/images")
    set(table "// Written by CMake.\n#include \"common/host/kernel.h\"\n")
    set(definitions "")
    foreach(source ${ARG_SOURCES})
        cmake_path(GET source STEM name)
        cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" NORMALIZE OUTPUT_VARIABLE path)
        set(fatbin "")
        set(host "")
        if(archs)
            deepinfra_compile_fatbin("${path}" "${folder}/${name}" "${archs}" "${ARG_PTX}")
            set(fatbin "${folder}/${name}.fatbin")
        endif()
        if(COMMAND deepinfra_sim_compile_image)
            deepinfra_sim_compile_image(${area} "${path}" host)
        endif()
        deepinfra_embed(deepinfra_${area} "di_image_${area}_${name}_fatbin" "${fatbin}")
        deepinfra_embed(deepinfra_${area} "di_image_${area}_${name}_host" "${host}")
        foreach(kind fatbin host)
            string(APPEND table "extern \"C\" const unsigned char di_image_${area}_${name}_${kind}[], di_image_${area}_${name}_${kind}_end[];\n")
        endforeach()
        string(
            APPEND definitions
            "extern const KernelImage ${name};\n"
            "const KernelImage ${name}{\"${name}\", di_image_${area}_${name}_fatbin, size_t(di_image_${area}_${name}_fatbin_end - di_image_${area}_${name}_fatbin), "
            "di_image_${area}_${name}_host, size_t(di_image_${area}_${name}_host_end - di_image_${area}_${name}_host)};\n"
        )
    endforeach()
    file(CONFIGURE OUTPUT "${folder}/images.cpp" CONTENT "${table}namespace di::${area}::images {\n${definitions}}\n" @ONLY)
    target_sources(deepinfra_${area} PRIVATE "${folder}/images.cpp")
endfunction()

# nvcc through its cache; writes <stem>.fatbin and <stem>.log with what ptxas said.
function(deepinfra_compile_fatbin source stem archs ptx)
    set(flags -std=c++20 -O3 -lineinfo -fmad=false -Werror all-warnings -Xptxas -v,--warn-on-spills -I . -I include)
    foreach(arch ${archs})
        list(APPEND flags "-gencode=arch=compute_${arch},code=sm_${arch}")
    endforeach()
    if(ptx)
        list(APPEND flags "-gencode=arch=compute_${ptx},code=compute_${ptx}")
    endif()
    cmake_path(RELATIVE_PATH source BASE_DIRECTORY "${PROJECT_SOURCE_DIR}" OUTPUT_VARIABLE relative)
    add_custom_command(
        OUTPUT "${stem}.fatbin" "${stem}.log"
        COMMAND "${PROJECT_SOURCE_DIR}/cmake/nvcc-cached.sh" "${DEEPINFRA_NVCC}" "${relative}" "${stem}" ${flags}
        DEPENDS "${source}" "${PROJECT_SOURCE_DIR}/cmake/nvcc-cached.sh"
        DEPFILE "${stem}.d"
        WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
        COMMENT "nvcc ${relative}"
        VERBATIM
    )
endfunction()

# A file as read-only data between <symbol> and <symbol>_end; no file is no data.
function(deepinfra_embed target symbol file)
    set(assembly "${CMAKE_CURRENT_BINARY_DIR}/images/${symbol}.S")
    set(data "")
    if(file)
        set(data "    .incbin \"${file}\"\n")
    endif()
    file(
        CONFIGURE
        OUTPUT "${assembly}"
        CONTENT
            "// Written by CMake.
    .section .rodata
    .balign 64
    .globl ${symbol}, ${symbol}_end
    .hidden ${symbol}, ${symbol}_end
${symbol}:
${data}${symbol}_end:
    .byte 0
    .section .note.GNU-stack,\"\",%progbits
"
        @ONLY
    )
    target_sources(${target} PRIVATE "${assembly}")
    if(file)
        set_property(SOURCE "${assembly}" APPEND PROPERTY OBJECT_DEPENDS "${file}")
    endif()
endfunction()

# deepinfra_check_kernel(<area> <source> ARCHS 90a ... EXPECT HGMMA ...): compiles a source with nvcc where there is a toolkit and
# adds the test <area>.<name>.sass that looks for instructions in the result.
function(deepinfra_check_kernel area source)
    cmake_parse_arguments(PARSE_ARGV 2 ARG "" "" "ARCHS;EXPECT")
    set(archs)
    foreach(arch ${ARG_ARCHS})
        if(arch IN_LIST DEEPINFRA_CUDA_TARGETS)
            list(APPEND archs ${arch})
        endif()
    endforeach()
    if(NOT archs)
        return()
    endif()
    cmake_path(GET source STEM name)
    set(stem "${CMAKE_CURRENT_BINARY_DIR}/images/${name}")
    deepinfra_compile_fatbin("${CMAKE_CURRENT_SOURCE_DIR}/${source}" "${stem}" "${archs}" "")
    add_custom_target(deepinfra_${area}_${name}_check ALL DEPENDS "${stem}.fatbin")
    add_test(
        NAME ${area}.${name}.sass
        COMMAND "${PROJECT_SOURCE_DIR}/cmake/check-sass.sh" "${DEEPINFRA_CUDA_HOME}/bin/cuobjdump" "${stem}.fatbin" ${ARG_EXPECT}
    )
endfunction()

# deepinfra_check_image(<area> <name> OPCODE ...): the test <area>.<name>.sass for an image of deepinfra_add_kernels.
function(deepinfra_check_image area name)
    if(NOT DEEPINFRA_CUDA_TARGETS)
        return()
    endif()
    add_test(
        NAME ${area}.${name}.sass
        COMMAND "${PROJECT_SOURCE_DIR}/cmake/check-sass.sh" "${DEEPINFRA_CUDA_HOME}/bin/cuobjdump"
                "${CMAKE_CURRENT_BINARY_DIR}/images/${name}.fatbin" ${ARGN}
    )
endfunction()

# deepinfra_add_kernel_tests(<area> KERNELS a.cu ... SOURCES a_test.cpp ...): the program deepinfra_<area>_kernel_tests, which runs
# kernels on the simulator without its driver face, and the slow test <area>.many_schedules, which repeats its tests named ManySchedules
# under 2,000 schedules. Nothing where simulator or GoogleTest are missing.
function(deepinfra_add_kernel_tests area)
    cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "KERNELS;SOURCES")
    if(NOT DEEPINFRA_BUILD_TESTS OR NOT TARGET deepinfra_cudasim_core OR (DEFINED BUILD_TESTING AND NOT BUILD_TESTING))
        return()
    endif()
    find_package(GTest QUIET)
    if(NOT GTest_FOUND)
        return()
    endif()
    include(GoogleTest)
    include("${PROJECT_SOURCE_DIR}/sim/cmake/SimulatorKernels.cmake")
    set(name deepinfra_${area}_kernel_tests)
    deepinfra_sim_kernels(${name}_kernels ${ARG_KERNELS})
    target_compile_options(${name}_kernels PRIVATE -Werror -Wno-psabi)
    add_executable(${name} ${ARG_SOURCES} "${PROJECT_SOURCE_DIR}/sim/tests/sim_test.cpp" $<TARGET_OBJECTS:${name}_kernels>)
    target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/sim/tests")
    target_link_libraries(${name} PRIVATE deepinfra_cudasim_core GTest::gtest GTest::gtest_main)
    target_compile_options(${name} PRIVATE -Wall -Wextra -Werror -Wno-psabi)
    gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300)
    cmake_path(RELATIVE_PATH CMAKE_CURRENT_BINARY_DIR BASE_DIRECTORY "${CMAKE_BINARY_DIR}" OUTPUT_VARIABLE folder)
    set_property(GLOBAL APPEND PROPERTY DEEPINFRA_KERNEL_TEST_PROGRAMS "${folder}/${name}")
    add_test(NAME ${area}.many_schedules COMMAND ${name} --gtest_filter=*ManySchedules*)
    set_tests_properties(
        ${area}.many_schedules
        PROPERTIES LABELS slow TIMEOUT 3600 ENVIRONMENT DEEPINFRA_SIM_SEEDS=2000 FAIL_REGULAR_EXPRESSION "Running 0 tests"
    )
endfunction()
