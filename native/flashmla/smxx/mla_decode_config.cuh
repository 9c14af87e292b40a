// SPDX-License-Identifier: MIT
// Tile sizes and shared memory of the plain decode kernels.
#pragma once

#include "common/ptx.cuh"
#include "flashmla/smxx/params.h"

namespace di::flashmla {

template <int kDimQk_, KeyFormat kFormat_, int kStages_> struct MlaDecodeConfig {
    static constexpr KeyFormat kFormat = kFormat_;
    static constexpr bool kIsQuantized = kFormat != KeyFormat::kBf16;
    static constexpr int kDimQk = kDimQk_;
    static constexpr int kDimV = 512;
    static constexpr int kStages = kStages_; // tiles of keys as the tensor cores read them
    static constexpr int kBlockM = 32;
    static constexpr int kBlockN = 32;
    static constexpr int kThreads = 256;
    static constexpr int kWarps = kThreads / 32;
    static constexpr int kRowBytes = kDimQk * 2 + 16; // 16 more: ldmatrix without bank conflicts
    static constexpr int kScoreStride = kBlockN + 4;  // floats; an odd multiple of 16 bytes
    static constexpr int kWarpColumns = kDimV / kWarps;
    static constexpr int kRowThreads = kThreads / kBlockM; // of the softmax
    // A token as it is stored: codes, scales and rotary columns.
    static constexpr int kStoredBytes = kFormat == KeyFormat::kFp8Model1 ? 592 : 656;
    static constexpr int kStoredTile = kIsQuantized ? kBlockN * kStoredBytes : 16;
    static_assert(kBlockM / 16 * (kBlockN / 8) == kWarps, "one tile of scores per warp");
    static_assert(kWarpColumns % 16 == 0 && kDimQk % 32 == 0 && kBlockN % 16 == 0);
    static_assert(kDimV <= kDimQk, "values are the first columns of keys");
    static_assert(!kIsQuantized || kStages == 1, "quantised keys are staged as they are stored");
    static_assert(kFormat != KeyFormat::kFp8V32 || kDimQk == 576);
    static_assert(kFormat != KeyFormat::kFp8Model1 || kDimQk == 512);
};

template <typename C> struct MlaDecodeStorage {
    alignas(16) unsigned char q[C::kBlockM][C::kRowBytes];
    alignas(16) unsigned char keys[C::kStages][C::kBlockN][C::kRowBytes];
    alignas(16) unsigned char stored[C::kStoredTile];
    // A row's scores, and in their place its probabilities as bf16.
    alignas(16) float scores[C::kBlockM][C::kScoreStride];
    float rescale[C::kBlockM];
    float row_sum[C::kBlockM];
};

using MlaBf16D576Stages1 = MlaDecodeConfig<576, KeyFormat::kBf16, 1>;
using MlaBf16D576Stages2 = MlaDecodeConfig<576, KeyFormat::kBf16, 2>;
using MlaBf16D512Stages1 = MlaDecodeConfig<512, KeyFormat::kBf16, 1>;
using MlaBf16D512Stages2 = MlaDecodeConfig<512, KeyFormat::kBf16, 2>;
using MlaFp8V32 = MlaDecodeConfig<576, KeyFormat::kFp8V32, 1>;
using MlaFp8Model1 = MlaDecodeConfig<512, KeyFormat::kFp8Model1, 1>;

} // namespace di::flashmla
