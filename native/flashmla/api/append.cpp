// SPDX-License-Identifier: MIT
// di_flashmla_append: checks, parameters of the kernel, launch.
#include "common/host/params.h"
#include "deepinfra/flashmla.h"
#include "flashmla/api/checks.h"
#include "flashmla/api/images.h"

namespace di::flashmla {
namespace {

Kernel<AppendParams> append{images::smxx_mla_append, "di_flashmla_append"};

constexpr int64_t kWarps = 8; // of a block
constexpr uint32_t kThreads = 256;

void check_rows(const TensorView& rows, const TensorView& slots, int64_t heads) {
    expect_rank(rows, 3);
    expect_extent(rows, 0, slots.shape[0]);
    expect_extent(rows, 1, heads);
    expect_contiguous(rows, 2);
    if (!rows.is(DI_DTYPE_BFLOAT, 16) && !rows.is(DI_DTYPE_FLOAT, 32))
        reject(join(rows.name, ": expected bfloat16 or float32, got ", dtype_text(rows.dtype)));
}

AppendParams prepare(const TensorView& slots, const TensorView& latent, const TensorView& rotary,
                     const TensorView& cache, const di_flashmla_append_params& given) {
    const KeyFormat format = format_of(given.cache_format);
    if (given.power_of_two > 1 || given.reserved != 0)
        reject("params: expected 0 or 1 in power_of_two and 0 in reserved");
    if (format == KeyFormat::kFp8Model1 && given.power_of_two == 0)
        reject("params: power_of_two: this format has no other scales, got 0");
    expect_type(slots, DI_DTYPE_INT, 32);
    expect_rank(slots, 1);
    expect_contiguous(slots, 0);
    expect_rank(cache, 4);
    check_rows(latent, slots, cache.shape[2]);
    check_rows(rotary, slots, cache.shape[2]);
    expect_type(rotary, latent.dtype.code, latent.dtype.bits);
    const int64_t dim = latent.shape[2] + rotary.shape[2];
    check_cache(cache, format, dim);
    if (format != KeyFormat::kBf16)
        expect_extent(latent, 2, format == KeyFormat::kFp8V32 ? 512 : 448);
    for (const TensorView* input : {&slots, &latent, &rotary}) {
        check_no_overlap(cache, *input);
        check_same_device(*input, cache);
    }

    AppendParams params{};
    params.slots = static_cast<const int*>(slots.data);
    params.latent = latent.data;
    params.rotary = rotary.data;
    params.cache = static_cast<unsigned char*>(cache.data);
    params.latent_token_stride = latent.strides[0];
    params.latent_head_stride = latent.strides[1];
    params.rotary_token_stride = rotary.strides[0];
    params.rotary_head_stride = rotary.strides[1];
    params.cache_block_bytes = cache.strides[0] * cache.element_bytes;
    params.cache_token_bytes = cache.strides[1] * cache.element_bytes;
    params.cache_head_bytes = cache.strides[2] * cache.element_bytes;
    params.tokens = slots.shape[0];
    params.latent_dim = narrow(latent, 2);
    params.dim = narrow(latent, 2) + narrow(rotary, 2);
    params.kv_heads = narrow(cache, 2);
    params.page = narrow(cache, 1);
    params.cache_blocks = narrow(cache, 0);
    params.format = format;
    params.is_float32 = latent.is(DI_DTYPE_FLOAT, 32);
    params.is_power_of_two = static_cast<int>(given.power_of_two);
    return params;
}

} // namespace
} // namespace di::flashmla

using namespace di;

di_status di_flashmla_append(const di_tensor* slots, const di_tensor* latent,
                             const di_tensor* rotary, const di_tensor* cache,
                             const di_flashmla_append_params* params, di_stream stream) {
    return guarded([&] {
        const TensorView places = read_tensor(slots, "slots");
        const TensorView first = read_tensor(latent, "latent");
        const TensorView last = read_tensor(rotary, "rotary");
        const TensorView blocks = read_output(cache, "cache");
        const flashmla::AppendParams kernel_params =
            flashmla::prepare(places, first, last, blocks, read_params(params, "params"));
        if (places.is_empty() || blocks.is_empty())
            return;
        LaunchShape shape;
        shape.threads = flashmla::kThreads;
        shape.grid_x = flashmla::grid_of(
            flashmla::ceiling_divide(places.elements * kernel_params.kv_heads, flashmla::kWarps),
            "append");
        flashmla::append(shape, kernel_params, stream);
    });
}
