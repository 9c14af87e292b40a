// SPDX-License-Identifier: MIT
// Every function of common/ptx but wgmma's once, so that the assembler sees its instruction.
// coverage.py looks for those that are missing.
#include "common/ptx.cuh"

using namespace di;
using namespace di::ptx;

namespace {
struct Storage {
    alignas(1024) unsigned char data[16384];
    alignas(8) uint64_t bar;
};
} // namespace

extern "C" {
__global__ void barriers_and_fences(uint32_t* out, const TensorMap* map) {
    bar_sync(1, 64);
    bar_arrive(1, 64);
    fence_proxy_async();
    fence_proxy_async_shared();
    fence_proxy_tensormap_release_gpu();
    fence_proxy_tensormap_acquire_gpu(map);
    fence_mbarrier_init();
    fence_acq_rel_cta();
    fence_acq_rel_gpu();
    fence_acq_rel_sys();
    griddepcontrol_wait();
    griddepcontrol_launch_dependents();
    out[threadIdx.x] = elect_one() + static_cast<uint32_t>(globaltimer());
}

// The assembler must know how many registers a thread begins with.
__global__ void __launch_bounds__(128, 1) budgets() {
    setmaxnreg_dec<40>();
    setmaxnreg_inc<64>();
}

__global__ void clusters(uint32_t* out) {
    Storage& s = dynamic_shared<Storage>();
    uint32_t far = mapa(shared_address(s.data), cluster_ctarank() ^ 1);
    cluster_arrive_relaxed();
    cluster_wait();
    cluster_arrive();
    cluster_wait();
    st_shared_cluster_u32(far, cluster_nctarank());
    red_add_shared_cluster_u32(far, 1);
    red_add_shared_cluster_u64(far, 1);
    red_min_shared_cluster_u32(far, 1);
    red_max_shared_cluster_u32(far, 1);
    red_and_shared_cluster_b32(far, 1);
    red_or_shared_cluster_b32(far, 1);
    red_xor_shared_cluster_b32(far, 1);
    cluster_sync();
    out[threadIdx.x] = ld_shared_cluster_u32(far);
}

__global__ void orders(uint32_t* p, uint64_t* q) {
    uint32_t sum = ld_relaxed_gpu(p) + ld_acquire_cta(p) + ld_acquire_gpu(p) + ld_acquire_sys(p) +
                   ld_relaxed_sys(p);
    uint64_t wide = ld_acquire_sys(q) + ld_relaxed_sys(q);
    st_relaxed_gpu(p, sum);
    st_release_gpu(p, sum);
    st_release_sys(p, sum);
    st_release_sys(q, wide);
    st_relaxed_sys(p, sum);
    sum += atom_add_acq_rel_gpu(p, 1) + atom_add_acq_rel_sys(p, 1);
    red_add_release_gpu(p, sum);
    red_add_release_sys(p, sum);
    red_add_relaxed_gpu(p, sum);
}

__global__ void mbarriers(uint32_t* out, uint32_t far) {
    Storage& s = dynamic_shared<Storage>();
    uint32_t bar = shared_address(&s.bar);
    mbarrier_init(bar, 3);
    mbarrier_arrive(bar);
    mbarrier_arrive_cluster(far);
    mbarrier_arrive_expect_tx(bar, 16);
    mbarrier_arrive_expect_tx_cluster(far, 16);
    mbarrier_expect_tx(bar, 16);
    mbarrier_complete_tx(bar, 16);
    mbarrier_complete_tx_cluster(far, 16);
    uint64_t state = mbarrier_arrive_state(bar);
    out[0] = mbarrier_test_wait(bar, state) + mbarrier_try_wait(bar, state) +
             mbarrier_try_wait_parity(bar, 0) + mbarrier_try_wait_parity_cluster(bar, 0) +
             mbarrier_test_wait_parity(bar, 0);
    mbarrier_wait_parity(bar, 0);
    mbarrier_wait_parity_cluster(bar, 0);
    mbarrier_inval(bar);
}

__global__ void matrices(uint32_t* out, float* sums) {
    Storage& s = dynamic_shared<Storage>();
    uint32_t at = shared_address(s.data) + threadIdx.x * 16, a[4], b[2];
    float d[4] = {};
    ldmatrix_x4(a, at);
    stmatrix_x4(at, a);
    ldmatrix_x4_trans(a, at);
    stmatrix_x4_trans(at, a);
    ldmatrix_x2(b, at);
    mma_m16n8k16_bf16(d, a, b);
    mma_m16n8k16_f16(d, a, b);
    mma_m16n8k8_tf32(d, a, b);
    ldmatrix_x2_trans(b, at);
    mma_m16n8k32_e4m3(d, a, b);
    mma_m16n8k32_e5m2(d, a, b);
    mma_m16n8k32_e4m3_e5m2(d, a, b);
    mma_m16n8k32_e5m2_e4m3(d, a, b);
    for (uint32_t i = 0; i < 4; ++i)
        sums[threadIdx.x * 4 + i] = d[i];
    out[threadIdx.x] = a[0];
}

__global__ void copies(void* global, uint32_t far, uint32_t far_bar) {
    Storage& s = dynamic_shared<Storage>();
    uint32_t data = shared_address(s.data), bar = shared_address(&s.bar);
    cp_async_16(data, global);
    cp_async_4(data, global);
    cp_async_commit();
    cp_async_wait<0>();
    cp_async_mbarrier_arrive_noinc(bar);
    cp_async_bulk_load(data, global, 64, bar);
    cp_async_bulk_load_multicast(data, global, 64, bar, 3);
    cp_async_bulk_prefetch(global, 64);
    cp_async_bulk_store(global, data, 64);
    cp_async_bulk_to_cluster(far, data, 64, far_bar);
#define TO_GLOBAL(name, operation, type) cp_reduce_async_bulk_##name(global, data, 64);
#define TO_CLUSTER(name, operation, type)                                                          \
    cp_reduce_async_bulk_to_cluster_##name(far, data, 64, far_bar);
#include "sim/tests/bulk_reductions.inc"
#undef TO_GLOBAL
#undef TO_CLUSTER
    cp_async_bulk_commit();
    cp_async_bulk_wait_read<0>();
    cp_async_bulk_wait<0>();
}

#define BOXES(rank, ...)                                                                           \
    __global__ void boxes_##rank(const __grid_constant__ TensorMap map, int c0, int c1, int c2,    \
                                 int c3, int c4) {                                                 \
        Storage& s = dynamic_shared<Storage>();                                                    \
        uint32_t data = shared_address(s.data), bar = shared_address(&s.bar);                      \
        prefetch_tensormap(&map);                                                                  \
        cp_async_bulk_tensor_prefetch_##rank##d(&map, __VA_ARGS__);                                \
        cp_async_bulk_tensor_##rank##d(data, &map, bar, __VA_ARGS__);                              \
        cp_async_bulk_tensor_##rank##d_multicast(data, &map, bar, __VA_ARGS__, 3);                 \
        cp_async_bulk_tensor_store_##rank##d(&map, data, __VA_ARGS__);                             \
        cp_reduce_async_bulk_tensor_add_##rank##d(&map, data, __VA_ARGS__);                        \
        cp_reduce_async_bulk_tensor_min_##rank##d(&map, data, __VA_ARGS__);                        \
        cp_reduce_async_bulk_tensor_max_##rank##d(&map, data, __VA_ARGS__);                        \
        cp_reduce_async_bulk_tensor_inc_##rank##d(&map, data, __VA_ARGS__);                        \
        cp_reduce_async_bulk_tensor_dec_##rank##d(&map, data, __VA_ARGS__);                        \
        cp_reduce_async_bulk_tensor_and_##rank##d(&map, data, __VA_ARGS__);                        \
        cp_reduce_async_bulk_tensor_or_##rank##d(&map, data, __VA_ARGS__);                         \
        cp_reduce_async_bulk_tensor_xor_##rank##d(&map, data, __VA_ARGS__);                        \
    }
BOXES(1, c0)
BOXES(2, c0, c1)
BOXES(3, c0, c1, c2)
BOXES(4, c0, c1, c2, c3)
BOXES(5, c0, c1, c2, c3, c4)
}
