// SPDX-License-Identifier: MIT
// Operand lists of wgmma for inline assembly: the accumulators of N / 2 registers.
#pragma once

#define DI_PTX_LIST_4 "%0, %1, %2, %3"
#define DI_PTX_PART_0 "%0, %1, %2, %3, %4, %5, %6, %7"
#define DI_PTX_PART_1 "%8, %9, %10, %11, %12, %13, %14, %15"
#define DI_PTX_PART_2 "%16, %17, %18, %19, %20, %21, %22, %23"
#define DI_PTX_PART_3 "%24, %25, %26, %27, %28, %29, %30, %31"
#define DI_PTX_PART_4 "%32, %33, %34, %35, %36, %37, %38, %39"
#define DI_PTX_PART_5 "%40, %41, %42, %43, %44, %45, %46, %47"
#define DI_PTX_PART_6 "%48, %49, %50, %51, %52, %53, %54, %55"
#define DI_PTX_PART_7 "%56, %57, %58, %59, %60, %61, %62, %63"
#define DI_PTX_PART_8 "%64, %65, %66, %67, %68, %69, %70, %71"
#define DI_PTX_PART_9 "%72, %73, %74, %75, %76, %77, %78, %79"
#define DI_PTX_PART_10 "%80, %81, %82, %83, %84, %85, %86, %87"
#define DI_PTX_PART_11 "%88, %89, %90, %91, %92, %93, %94, %95"
#define DI_PTX_PART_12 "%96, %97, %98, %99, %100, %101, %102, %103"
#define DI_PTX_PART_13 "%104, %105, %106, %107, %108, %109, %110, %111"
#define DI_PTX_PART_14 "%112, %113, %114, %115, %116, %117, %118, %119"
#define DI_PTX_PART_15 "%120, %121, %122, %123, %124, %125, %126, %127"
#define DI_PTX_LIST_8 DI_PTX_PART_0
#define DI_PTX_LIST_16 DI_PTX_LIST_8 ", " DI_PTX_PART_1
#define DI_PTX_LIST_32 DI_PTX_LIST_16 ", " DI_PTX_PART_2 ", " DI_PTX_PART_3
#define DI_PTX_LIST_48 DI_PTX_LIST_32 ", " DI_PTX_PART_4 ", " DI_PTX_PART_5
#define DI_PTX_LIST_64 DI_PTX_LIST_48 ", " DI_PTX_PART_6 ", " DI_PTX_PART_7
#define DI_PTX_LIST_96                                                                             \
    DI_PTX_LIST_64 ", " DI_PTX_PART_8 ", " DI_PTX_PART_9 ", " DI_PTX_PART_10 ", " DI_PTX_PART_11
#define DI_PTX_LIST_128                                                                            \
    DI_PTX_LIST_96 ", " DI_PTX_PART_12 ", " DI_PTX_PART_13 ", " DI_PTX_PART_14 ", " DI_PTX_PART_15

#define DI_PTX_OUT4(d, i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define DI_PTX_OUT_4(d) DI_PTX_OUT4(d, 0)
#define DI_PTX_OUT_8(d) DI_PTX_OUT4(d, 0), DI_PTX_OUT4(d, 4)
#define DI_PTX_OUT16(d, i)                                                                         \
    DI_PTX_OUT4(d, i), DI_PTX_OUT4(d, i + 4), DI_PTX_OUT4(d, i + 8), DI_PTX_OUT4(d, i + 12)
#define DI_PTX_OUT_16(d) DI_PTX_OUT16(d, 0)
#define DI_PTX_OUT_32(d) DI_PTX_OUT_16(d), DI_PTX_OUT16(d, 16)
#define DI_PTX_OUT_48(d) DI_PTX_OUT_32(d), DI_PTX_OUT16(d, 32)
#define DI_PTX_OUT_64(d) DI_PTX_OUT_48(d), DI_PTX_OUT16(d, 48)
#define DI_PTX_OUT_96(d) DI_PTX_OUT_64(d), DI_PTX_OUT16(d, 64), DI_PTX_OUT16(d, 80)
#define DI_PTX_OUT_128(d) DI_PTX_OUT_96(d), DI_PTX_OUT16(d, 96), DI_PTX_OUT16(d, 112)
