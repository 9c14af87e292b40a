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
