// SPDX-License-Identifier: MIT
// The calls that device code makes into the simulator. Kernels never name them: they use the
// functions of native/common, which map to one instruction under nvcc and to one of these calls
// here. All are opaque on purpose (no inlining across them), so that the compiler keeps device
// memory up to date at every synchronisation point, and need no standard header, which keeps
// kernels quick to compile.
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

typedef unsigned long long di_sim_u64;
typedef struct {
    unsigned x, y, z;
} di_sim_uint3;

// Memory orders and scopes of atomics, fences, loads and stores.
enum { DI_SIM_RELAXED = 0, DI_SIM_ACQUIRE = 1, DI_SIM_RELEASE = 2, DI_SIM_ACQ_REL = 3 };
enum { DI_SIM_CTA = 0, DI_SIM_CLUSTER = 1, DI_SIM_GPU = 2, DI_SIM_SYS = 3 };

// Element types.
enum {
    DI_SIM_U8 = 0,
    DI_SIM_U16 = 1,
    DI_SIM_U32 = 2,
    DI_SIM_S32 = 3,
    DI_SIM_U64 = 4,
    DI_SIM_S64 = 5,
    DI_SIM_F16 = 6,
    DI_SIM_F32 = 7,
    DI_SIM_F64 = 8,
    DI_SIM_BF16 = 9,
    DI_SIM_TF32 = 10,
    DI_SIM_E4M3 = 11,
    DI_SIM_E5M2 = 12,
    DI_SIM_F16X2 = 13,
    DI_SIM_BF16X2 = 14
};

// Atomic and reduction operations.
enum {
    DI_SIM_ADD = 0,
    DI_SIM_MIN = 1,
    DI_SIM_MAX = 2,
    DI_SIM_INC = 3,
    DI_SIM_DEC = 4,
    DI_SIM_AND = 5,
    DI_SIM_OR = 6,
    DI_SIM_XOR = 7,
    DI_SIM_EXCH = 8,
    DI_SIM_CAS = 9
};

#define DI_SIM_PURE __attribute__((const))

// Where the calling thread is.
DI_SIM_PURE di_sim_uint3 di_sim_thread_idx(void);
DI_SIM_PURE di_sim_uint3 di_sim_block_idx(void);
DI_SIM_PURE di_sim_uint3 di_sim_block_dim(void);
DI_SIM_PURE di_sim_uint3 di_sim_grid_dim(void);
enum {
    DI_SIM_CLUSTER_CTAID_X = 0,
    DI_SIM_CLUSTER_CTAID_Y = 1,
    DI_SIM_CLUSTER_CTAID_Z = 2,
    DI_SIM_CLUSTER_CTARANK = 3,
    DI_SIM_CLUSTER_NCTAID_X = 4,
    DI_SIM_CLUSTER_NCTAID_Y = 5,
    DI_SIM_CLUSTER_NCTAID_Z = 6,
    DI_SIM_CLUSTER_NCTARANK = 7,
    DI_SIM_LANEID = 8,
    DI_SIM_SMID = 9,
    DI_SIM_DYNAMIC_SMEM_SIZE = 10,
    DI_SIM_TOTAL_SMEM_SIZE = 11
};
DI_SIM_PURE unsigned di_sim_special(int which);
di_sim_u64 di_sim_clock64(void);
di_sim_u64 di_sim_globaltimer(void);
void di_sim_nanosleep(unsigned ns);

// Address spaces. A shared address is (rank in the cluster << 24) | offset.
void* di_sim_dynamic_shared(di_sim_u64 size, di_sim_u64 align);
unsigned di_sim_to_shared(const void* generic);
void* di_sim_from_shared(unsigned address);
unsigned di_sim_mapa(unsigned address, unsigned rank);
int di_sim_is_shared(const void* generic);
int di_sim_is_global(const void* generic);

// Barriers and warp collectives. count 0 means all threads of the block.
void di_sim_bar_sync(unsigned id, unsigned count);
void di_sim_bar_arrive(unsigned id, unsigned count);
int di_sim_bar_red(unsigned id, unsigned count, int op, int predicate); // 0 popc, 1 and, 2 or
void di_sim_syncwarp(unsigned mask);
di_sim_u64 di_sim_shfl(unsigned mask, di_sim_u64 value, int lane, int width, int mode);
unsigned di_sim_vote(unsigned mask, int predicate, int mode); // 0 ballot, 1 all, 2 any, 3 uni
unsigned di_sim_match_any(unsigned mask, di_sim_u64 value);
unsigned di_sim_match_all(unsigned mask, di_sim_u64 value, int* predicate);
unsigned di_sim_reduce(unsigned mask, unsigned value, int op, int type);
unsigned di_sim_activemask(void);
int di_sim_elect(unsigned mask);
void di_sim_cluster_arrive(int order, int aligned);
void di_sim_cluster_wait(int aligned);

// Atomics, reductions, strong loads and stores, fences. The old value of an atomic comes back in
// the low bits; a reduction returns none, so that it acquires nothing either.
di_sim_u64 di_sim_atomic(int op, int type, int order, int scope, void* address, di_sim_u64 value,
                         di_sim_u64 compare);
void di_sim_red(int op, int type, int order, int scope, void* address, di_sim_u64 value);
void di_sim_red_shared_cluster(int op, int type, unsigned address, di_sim_u64 value);
void di_sim_load(void* destination, const void* address, int bytes, int order, int scope);
void di_sim_store(void* address, const void* source, int bytes, int order, int scope);
void di_sim_load_shared(void* destination, unsigned address, int bytes);
void di_sim_store_shared(unsigned address, const void* source, int bytes);
void di_sim_fence(int order, int scope);
void di_sim_fence_proxy_async(int space); // 0 all, 1 shared, 2 global
void di_sim_fence_mbarrier_init(void);
// Acquiring takes the tensor map that other threads have written.
void di_sim_fence_tensormap(int order, int scope, const void* map);

// mbarrier. Addresses are the block's own, and with the space DI_SIM_SHARED_CLUSTER those of any
// block of the cluster.
enum { DI_SIM_SHARED_CTA = 0, DI_SIM_SHARED_CLUSTER = 1 };
void di_sim_mbarrier_init(unsigned address, unsigned count);
void di_sim_mbarrier_inval(unsigned address);
di_sim_u64 di_sim_mbarrier_arrive(unsigned address, unsigned count, int space, int scope,
                                  int order);
di_sim_u64 di_sim_mbarrier_arrive_expect_tx(unsigned address, unsigned bytes, int space, int scope,
                                            int order);
void di_sim_mbarrier_expect_tx(unsigned address, unsigned bytes, int space);
void di_sim_mbarrier_complete_tx(unsigned address, unsigned bytes, int space);
int di_sim_mbarrier_test_parity(unsigned address, unsigned parity, int scope, int order,
                                int may_block);
int di_sim_mbarrier_test(unsigned address, di_sim_u64 state, int scope, int order, int may_block);

// Asynchronous copies.
void di_sim_cp_async(unsigned destination, const void* source, unsigned bytes,
                     unsigned source_bytes);
void di_sim_cp_async_commit(void);
void di_sim_cp_async_wait(unsigned pending);
void di_sim_cp_async_mbarrier_arrive(unsigned address, int no_increment);
void di_sim_bulk_g2s(unsigned destination, const void* source, unsigned bytes, unsigned barrier,
                     unsigned short mask, int multicast);
void di_sim_bulk_s2g(void* destination, unsigned source, unsigned bytes);
void di_sim_bulk_s2s(unsigned destination, unsigned source, unsigned bytes, unsigned barrier);
void di_sim_bulk_reduce_s2g(void* destination, unsigned source, unsigned bytes, int op, int type);
void di_sim_bulk_reduce_s2s(unsigned destination, unsigned source, unsigned bytes, unsigned barrier,
                            int op, int type);
void di_sim_bulk_prefetch(const void* source, unsigned bytes);
void di_sim_tensor_g2s(unsigned destination, const void* map, unsigned barrier, int rank,
                       const int* coordinates, unsigned short mask, int multicast);
void di_sim_tensor_s2g(const void* map, unsigned source, int rank, const int* coordinates);
void di_sim_tensor_reduce(const void* map, unsigned source, int rank, const int* coordinates,
                          int op);
void di_sim_tensor_prefetch(const void* map, int rank, const int* coordinates);
void di_sim_tensormap_prefetch(const void* map);
void di_sim_bulk_commit(void);
void di_sim_bulk_wait(unsigned pending, int read_only);

// Matrix fragments and tensor cores.
void di_sim_ldmatrix(unsigned* registers, unsigned address, int count, int transpose);
void di_sim_stmatrix(const unsigned* registers, unsigned address, int count, int transpose);
void di_sim_mma(int m, int n, int k, int type_a, int type_b, int type_d, void* d, const unsigned* a,
                const unsigned* b, const void* c);
void di_sim_wgmma(int n, int k, int type_a, int type_b, int type_d, void* d, const unsigned* a,
                  di_sim_u64 desc_a, di_sim_u64 desc_b, int scale_d, int scale_a, int scale_b,
                  int transpose_a, int transpose_b);
void di_sim_wgmma_fence(void);
void di_sim_wgmma_commit(void);
void di_sim_wgmma_wait(unsigned pending);

// The rest.
void di_sim_setmaxnreg(int increase, unsigned registers);
void di_sim_griddepcontrol_wait(void);
void di_sim_griddepcontrol_launch_dependents(void);
__attribute__((noreturn)) void di_sim_trap(const char* what);
void di_sim_assert_fail(const char* expression, const char* file, int line);
int di_sim_printf(const char* format, ...) __attribute__((format(printf, 1, 2)));

// What an image says about one kernel (see di_sim_kernel in prelude.h).
typedef struct {
    void (*call)(void** parameters);
    const unsigned* sizes; // of the parameters
    unsigned count;        // of parameters
    unsigned max_threads;  // of __launch_bounds__, 0 when not given
    const char* name;      // as its source calls it, with template arguments
} di_sim_kernel_info;

#ifdef __cplusplus
}
#endif
