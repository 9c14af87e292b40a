// SPDX-License-Identifier: MIT
// di_flashmla_decode: checks, parameters of the kernels, launches.
#include <cmath>
#include <limits>

#include "common/host/params.h"
#include "deepinfra/flashmla.h"
#include "flashmla/api/checks.h"
#include "flashmla/api/images.h"
#include "flashmla/smxx/params.h"

namespace di::flashmla {
namespace {

Kernel<MlaDecodeParams> bf16_d576{images::smxx_bf16_mla_decode, "di_flashmla_bf16_d576_decode"};
Kernel<MlaDecodeParams> bf16_d576_2{images::smxx_bf16_mla_decode, "di_flashmla_bf16_d576_decode_2"};
Kernel<MlaDecodeParams> bf16_d512{images::smxx_bf16_mla_decode, "di_flashmla_bf16_d512_decode"};
Kernel<MlaDecodeParams> bf16_d512_2{images::smxx_bf16_mla_decode, "di_flashmla_bf16_d512_decode_2"};
Kernel<MlaDecodeParams> fp8_v32{images::smxx_fp8_mla_decode, "di_flashmla_fp8_v32_decode"};
Kernel<MlaDecodeParams> fp8_model1{images::smxx_fp8_mla_decode, "di_flashmla_fp8_model1_decode"};
Kernel<ResultParams> combine{images::smxx_mla_combine, "di_flashmla_combine"};

constexpr int64_t kDimV = 512;
constexpr int64_t kRows = 32; // of a block of the decode kernels
constexpr int64_t kKeys = 32; // of a tile
constexpr int64_t kWarps = 8; // of a block of the combine kernel
constexpr uint32_t kThreads = 256;

void check_params(const di_flashmla_decode_params& given) {
    if (!std::isfinite(given.softmax_scale))
        reject("params: softmax_scale is not finite");
    if (given.causal > 1 || given.lse_base_two > 1 || given.empty_lse_negative > 1)
        reject("params: expected 0 or 1 in causal, lse_base_two and empty_lse_negative");
}

struct Arguments {
    TensorView q, cache, block_table, lengths, parts, split_offsets, split_bases;
    TensorView out_accumulator, lse_accumulator, out, lse;
};

void check_schedule(const Arguments& a, int64_t batch, int64_t tokens, int64_t heads) {
    for (const TensorView* tensor :
         {&a.block_table, &a.lengths, &a.parts, &a.split_offsets, &a.split_bases})
        expect_type(*tensor, DI_DTYPE_INT, 32);
    expect_rank(a.block_table, 2);
    expect_extent(a.block_table, 0, batch);
    expect_contiguous(a.block_table, 1);
    expect_rank(a.lengths, 1);
    expect_extent(a.lengths, 0, batch);
    expect_contiguous(a.lengths, 0);
    expect_rank(a.parts, 2);
    expect_extent(a.parts, 1, 8);
    expect_contiguous(a.parts, 0);
    expect_rank(a.split_offsets, 1);
    expect_extent(a.split_offsets, 0, batch + 1);
    expect_contiguous(a.split_offsets, 0);
    expect_rank(a.split_bases, 1);
    expect_extent(a.split_bases, 0, batch);
    expect_contiguous(a.split_bases, 0);
    expect_type(a.out_accumulator, DI_DTYPE_FLOAT, 32);
    expect_rank(a.out_accumulator, 4);
    expect_extent(a.out_accumulator, 1, tokens);
    expect_extent(a.out_accumulator, 2, heads);
    expect_extent(a.out_accumulator, 3, kDimV);
    expect_contiguous(a.out_accumulator, 0);
    expect_type(a.lse_accumulator, DI_DTYPE_FLOAT, 32);
    expect_rank(a.lse_accumulator, 3);
    for (int32_t i = 0; i < 3; i++)
        expect_extent(a.lse_accumulator, i, a.out_accumulator.shape[i]);
    expect_contiguous(a.lse_accumulator, 0);
    if (!a.out_accumulator.is_empty())
        expect_aligned(a.out_accumulator, kCopyBytes);
}

void check_outputs(const Arguments& a, int64_t batch, int64_t tokens, int64_t heads) {
    if (!a.out.is(DI_DTYPE_BFLOAT, 16) && !a.out.is(DI_DTYPE_FLOAT, 32))
        reject(join("out: expected bfloat16 or float32, got ", dtype_text(a.out.dtype)));
    expect_rank(a.out, 4);
    const int64_t shape[] = {batch, tokens, heads, kDimV};
    for (int32_t i = 0; i < 4; i++)
        expect_extent(a.out, i, shape[i]);
    expect_contiguous(a.out, 3);
    expect_type(a.lse, DI_DTYPE_FLOAT, 32);
    expect_rank(a.lse, 3);
    expect_extent(a.lse, 0, batch);
    expect_extent(a.lse, 1, heads);
    expect_extent(a.lse, 2, tokens);
    if (!a.out.is_empty())
        expect_aligned(a.out, static_cast<uintptr_t>(2 * a.out.element_bytes));
}

void check_overlap(const Arguments& a) {
    const TensorView* outputs[] = {&a.out, &a.lse, &a.out_accumulator, &a.lse_accumulator};
    const TensorView* inputs[] = {&a.q,     &a.cache,         &a.block_table, &a.lengths,
                                  &a.parts, &a.split_offsets, &a.split_bases};
    for (int i = 0; i < 4; i++) {
        for (const TensorView* input : inputs)
            check_no_overlap(*outputs[i], *input);
        for (int j = 0; j < i; j++)
            check_no_overlap(*outputs[i], *outputs[j]);
        check_same_device(*outputs[i], a.q);
    }
    for (const TensorView* input : inputs)
        check_same_device(*input, a.q);
}

MlaDecodeParams prepare(const Arguments& a, const di_flashmla_decode_params& given) {
    check_params(given);
    const KeyFormat format = format_of(given.cache_format);
    expect_type(a.q, DI_DTYPE_BFLOAT, 16);
    expect_rank(a.q, 4);
    if (a.q.shape[3] != 576 && a.q.shape[3] != 512)
        reject(join("q: expected rows of 576 or 512, got ", shape_text(a.q)));
    expect_contiguous(a.q, 3);
    const int64_t batch = a.q.shape[0], tokens = a.q.shape[1], heads = a.q.shape[2];
    check_cache(a.cache, format, a.q.shape[3]);
    check_schedule(a, batch, tokens, heads);
    check_outputs(a, batch, tokens, heads);
    check_overlap(a);
    if (!a.q.is_empty())
        expect_aligned(a.q, kCopyBytes);
    const int32_t kv_heads = narrow(a.cache, 2);
    if (kv_heads == 0 || heads % kv_heads != 0)
        reject(join("q: expected heads in multiples of the cache's ", kv_heads, ", got ",
                    shape_text(a.q)));

    MlaDecodeParams params{};
    params.q = static_cast<const unsigned short*>(a.q.data);
    params.cache = static_cast<const unsigned char*>(a.cache.data);
    params.block_table = static_cast<const int*>(a.block_table.data);
    params.lengths = static_cast<const int*>(a.lengths.data);
    params.parts = static_cast<const Part*>(a.parts.data);
    params.q_batch_stride = a.q.strides[0];
    params.q_token_stride = a.q.strides[1];
    params.q_head_stride = a.q.strides[2];
    params.cache_block_bytes = a.cache.strides[0] * a.cache.element_bytes;
    params.cache_token_bytes = a.cache.strides[1] * a.cache.element_bytes;
    params.cache_head_bytes = a.cache.strides[2] * a.cache.element_bytes;
    params.table_stride = a.block_table.strides[0];
    params.table_columns = narrow(a.block_table, 1);
    params.cache_blocks = narrow(a.cache, 0);
    params.page = narrow(a.cache, 1);
    params.kv_heads = kv_heads;
    params.group_heads = static_cast<int>(narrow(a.q, 2) / kv_heads);
    params.causal = static_cast<int>(given.causal);
    params.scale = given.softmax_scale;

    ResultParams& result = params.result;
    result.out = a.out.data;
    result.lse = static_cast<float*>(a.lse.data);
    result.out_accumulator = static_cast<float*>(a.out_accumulator.data);
    result.lse_accumulator = static_cast<float*>(a.lse_accumulator.data);
    result.split_offsets = static_cast<const int*>(a.split_offsets.data);
    result.split_bases = static_cast<const int*>(a.split_bases.data);
    result.out_batch_stride = a.out.strides[0];
    result.out_token_stride = a.out.strides[1];
    result.out_head_stride = a.out.strides[2];
    result.lse_batch_stride = a.lse.strides[0];
    result.lse_head_stride = a.lse.strides[1];
    result.lse_token_stride = a.lse.strides[2];
    result.batch = narrow(a.q, 0);
    result.tokens = narrow(a.q, 1);
    result.heads = narrow(a.q, 2);
    result.is_float32 = a.out.is(DI_DTYPE_FLOAT, 32);
    result.is_base_two = static_cast<int>(given.lse_base_two);
    const float infinity = std::numeric_limits<float>::infinity();
    result.empty_lse = given.empty_lse_negative != 0 ? -infinity : infinity;
    const int64_t row_tiles = ceiling_divide(tokens * params.group_heads, kRows);
    if (tokens * heads > std::numeric_limits<int32_t>::max() - kRows)
        reject(join("q: expected fewer than 2^31 rows per request, got ", shape_text(a.q)));
    params.row_tiles = static_cast<int>(row_tiles);
    return params;
}

// Shared memory of MlaDecodeStorage.
uint32_t shared_bytes(int64_t dim, int64_t stages, int64_t stored) {
    const int64_t row = dim * 2 + 16;
    return static_cast<uint32_t>(kRows * row + stages * kKeys * row + stored +
                                 kRows * (kKeys + 4) * 4 + 2 * kRows * 4);
}

// The most dynamic shared memory of a block on the current device.
uint32_t largest_shared(const Driver& driver) {
    cuda::Device device = 0;
    driver.check(driver.ctx_get_device(&device), "cuCtxGetDevice");
    int32_t bytes = 0;
    driver.check(driver.device_get_attribute(&bytes, cuda::kDeviceMaxSharedPerBlockOptIn, device),
                 "cuDeviceGetAttribute");
    return static_cast<uint32_t>(bytes);
}

void launch_decode(const MlaDecodeParams& params, KeyFormat format, int64_t dim, int64_t parts,
                   di_stream stream) {
    LaunchShape shape;
    shape.threads = kThreads;
    shape.grid_x = grid_of(parts * params.kv_heads * params.row_tiles, "decode");
    if (format != KeyFormat::kBf16) {
        const bool is_v32 = format == KeyFormat::kFp8V32;
        shape.shared_bytes = shared_bytes(dim, 1, kKeys * (is_v32 ? 656 : 592));
        (is_v32 ? fp8_v32 : fp8_model1)(shape, params, stream);
        return;
    }
    // Where a block may have so much, the next keys are on their way during the computation.
    constexpr int64_t kUnused = 16;
    shape.shared_bytes = shared_bytes(dim, 2, kUnused);
    const bool has_room = shape.shared_bytes <= largest_shared(Driver::instance());
    if (!has_room)
        shape.shared_bytes = shared_bytes(dim, 1, kUnused);
    if (dim == 576)
        (has_room ? bf16_d576_2 : bf16_d576)(shape, params, stream);
    else
        (has_room ? bf16_d512_2 : bf16_d512)(shape, params, stream);
}

} // namespace
} // namespace di::flashmla

using namespace di;

di_status di_flashmla_decode(const di_tensor* q, const di_tensor* cache,
                             const di_tensor* block_table, const di_tensor* lengths,
                             const di_tensor* parts, const di_tensor* split_offsets,
                             const di_tensor* split_bases, const di_tensor* out_accumulator,
                             const di_tensor* lse_accumulator, const di_tensor* out,
                             const di_tensor* lse, const di_flashmla_decode_params* params,
                             di_stream stream) {
    return guarded([&] {
        const flashmla::Arguments arguments{
            read_tensor(q, "q"),
            read_tensor(cache, "cache"),
            read_tensor(block_table, "block_table"),
            read_tensor(lengths, "lengths"),
            read_tensor(parts, "parts"),
            read_tensor(split_offsets, "split_offsets"),
            read_tensor(split_bases, "split_bases"),
            read_output(out_accumulator, "out_accumulator"),
            read_output(lse_accumulator, "lse_accumulator"),
            read_output(out, "out"),
            read_output(lse, "lse"),
        };
        const di_flashmla_decode_params given = read_params(params, "params");
        const flashmla::MlaDecodeParams kernel_params = flashmla::prepare(arguments, given);
        const int64_t parts_count = arguments.parts.shape[0];
        if (arguments.q.is_empty())
            return;
        if (parts_count == 0)
            flashmla::reject("parts: expected at least one part, got none");
        flashmla::launch_decode(kernel_params, flashmla::format_of(given.cache_format),
                                arguments.q.shape[3], parts_count, stream);
        // Without accumulators nothing is split.
        if (arguments.out_accumulator.is_empty())
            return;
        LaunchShape shape;
        shape.threads = flashmla::kThreads;
        const int64_t rows = arguments.out.elements / flashmla::kDimV;
        shape.grid_x =
            flashmla::grid_of(flashmla::ceiling_divide(rows, flashmla::kWarps), "combine");
        flashmla::combine(shape, kernel_params.result, stream);
    });
}
