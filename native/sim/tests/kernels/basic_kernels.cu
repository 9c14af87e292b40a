// SPDX-License-Identifier: MIT
// Small kernels, right and wrong, for the tests of threads, barriers, warps and memory.

extern "C" {
__global__ void fill(unsigned* out, unsigned n) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        out[i] = i * 3 + 1;
}

__global__ void broadcast(const unsigned* in, unsigned* out, unsigned n) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    out[i] = in[i % n];
}

// All read a word, then one of them writes it: after a barrier, or as soon as it has read itself.
__global__ void read_then_write(unsigned* out, int sync) {
    auto* shared = static_cast<unsigned*>(di_sim_dynamic_shared(16, 16));
    if (threadIdx.x == 0)
        *shared = 5;
    __syncthreads();
    out[threadIdx.x] = *shared;
    if (sync != 0)
        __syncthreads();
    if (threadIdx.x == 40)
        *shared = 6;
}

__global__ void block_sum(const unsigned* in, unsigned* out, int skip_sync) {
    auto* shared = static_cast<unsigned*>(di_sim_dynamic_shared(blockDim.x * 4, 16));
    shared[threadIdx.x] = in[blockIdx.x * blockDim.x + threadIdx.x];
    for (unsigned half = blockDim.x / 2; half != 0; half /= 2) {
        if (skip_sync == 0)
            __syncthreads();
        if (threadIdx.x < half)
            shared[threadIdx.x] += shared[threadIdx.x + half];
    }
    if (threadIdx.x == 0)
        out[blockIdx.x] = shared[0];
}

__global__ void divergent_sync() {
    if (threadIdx.x % 2 == 0)
        di_sim_bar_sync(1, 32);
    __syncthreads();
}

__global__ void early_exit(unsigned* out) {
    if (threadIdx.x >= 64)
        return;
    __syncthreads();
    out[threadIdx.x] = 1;
}

__global__ void warp_ops(unsigned* out) {
    unsigned lane = threadIdx.x % 32;
    unsigned mask = 0xffffffff;
    out[threadIdx.x * 8 + 0] = __shfl_sync(mask, lane * 2, 5);
    out[threadIdx.x * 8 + 1] = __shfl_up_sync(mask, lane, 3);
    out[threadIdx.x * 8 + 2] = __shfl_down_sync(mask, lane, 3);
    out[threadIdx.x * 8 + 3] = __shfl_xor_sync(mask, lane, 8, 16);
    out[threadIdx.x * 8 + 4] = __ballot_sync(mask, lane % 3 == 0);
    out[threadIdx.x * 8 + 5] = __match_any_sync(mask, lane % 4);
    out[threadIdx.x * 8 + 6] = __reduce_max_sync(mask, lane ^ 21u);
    out[threadIdx.x * 8 + 7] =
        static_cast<unsigned>(__popc(static_cast<unsigned>(__syncthreads_count(lane < 3))));
}

__global__ void missing_lane() {
    if (threadIdx.x != 7)
        __shfl_sync(0xffffffff, 1u, 0);
    __syncthreads();
}

__global__ void shared_out_of_bounds(unsigned index) {
    auto* shared = static_cast<unsigned*>(di_sim_dynamic_shared(256, 16));
    shared[index] = 1;
}

__global__ void global_access(unsigned* p, unsigned index) { p[index] = threadIdx.x; }

__global__ void misaligned(char* p) { *reinterpret_cast<uint4*>(p + 4) = make_uint4(1, 2, 3, 4); }

__global__ void uninitialised(unsigned* out) {
    auto* shared = static_cast<unsigned*>(di_sim_dynamic_shared(256, 16));
    out[0] = shared[3];
}

__global__ void lane_exchange(unsigned* out, int sync) {
    auto* shared = static_cast<unsigned*>(di_sim_dynamic_shared(128, 16));
    shared[threadIdx.x] = threadIdx.x;
    if (sync != 0)
        __syncwarp();
    out[threadIdx.x] = shared[threadIdx.x ^ 1];
}

__global__ void count(unsigned* counter) { atomicAdd(counter, 1u); }

// Blocks hand data to each other: flag after data.
__global__ void message(unsigned* data, unsigned* flag, unsigned* out, int release, int acquire,
                        int scope) {
    if (blockIdx.x == 0) {
        data[threadIdx.x] = threadIdx.x + 7;
        __syncthreads();
        if (threadIdx.x == 0) {
            unsigned one = 1;
            di_sim_store(flag, &one, 4, release, scope);
        }
    } else {
        if (threadIdx.x == 0) {
            unsigned seen = 0;
            do {
                di_sim_load(&seen, flag, 4, acquire, scope);
            } while (seen == 0);
        }
        __syncthreads();
        out[threadIdx.x] = data[threadIdx.x];
    }
}

__global__ void message_fence(unsigned* data, unsigned* flag, unsigned* out, int fence) {
    if (blockIdx.x == 0) {
        data[threadIdx.x] = threadIdx.x + 7;
        __syncthreads();
        if (threadIdx.x == 0) {
            if (fence != 0)
                __threadfence();
            atomicExch(flag, 1u);
        }
    } else {
        if (threadIdx.x == 0) {
            while (atomicAdd(flag, 0u) == 0) {
            }
            if (fence != 0)
                __threadfence();
        }
        __syncthreads();
        out[threadIdx.x] = data[threadIdx.x];
    }
}

// Blocks wait for each other in a way that needs all of them at once.
__global__ void wait_for_last(unsigned* flag) {
    if (blockIdx.x + 1 == gridDim.x) {
        atomicExch(flag, 1u);
    } else {
        while (atomicAdd(flag, 0u) == 0) {
        }
    }
}

// Reads the same value again and again without waiting for it to change.
__global__ void read_often(unsigned* out, unsigned times) {
    auto* shared = static_cast<volatile unsigned*>(di_sim_dynamic_shared(4, 4));
    if (threadIdx.x == 0)
        *shared = 3;
    __syncthreads();
    unsigned sum = 0;
    for (unsigned i = 0; i < times; ++i)
        sum += *shared;
    out[threadIdx.x] = sum;
}

__global__ void trap_if(int yes) {
    if (yes != 0)
        __trap();
}

// 128 threads use the same 128 bytes, one by one and 16 at a time; how 0: always in order.
__global__ void bytes_and_vectors(unsigned char* out, int how) {
    unsigned t = threadIdx.x;
    auto* bytes = static_cast<unsigned char*>(di_sim_dynamic_shared(128, 16));
    auto* vectors = reinterpret_cast<uint4*>(bytes);
    bytes[t] = static_cast<unsigned char>(t);
    if (how == 1 && t == 5)
        bytes[6] = 1;
    __syncthreads();
    uint4 v{};
    if (t < 8)
        v = vectors[t];
    if (how == 2 && t == 40)
        bytes[19] = 1;
    __syncthreads();
    v.x += 0x01010101u;
    if (t < 8)
        vectors[t] = v;
    if (how == 3 && t == 9)
        out[0] = bytes[17];
    __syncthreads();
    if (t == 77)
        bytes[77] = 200;
    if (how == 4 && t == 8)
        v = vectors[4];
    __syncthreads();
    out[t] = bytes[t];
    if (how == 4 && t == 8)
        out[0] = static_cast<unsigned char>(v.w);
}

// One lane executes another aligned instruction, or none before it meets the others; how 0: nothing
// is wrong.
__global__ void aligned_steps(int how) {
    bool odd_one = threadIdx.x == 37;
    for (int i = 0; i < 4; ++i) {
        if (odd_one && how == 3)
            di_sim_wgmma_wait(0);
        else if (!odd_one || how == 0 || i < 2)
            di_sim_wgmma_fence();
        if (how == 1)
            __syncwarp();
        if (how == 2)
            __syncthreads();
        if (how == 4)
            di_sim_elect(0xffffffffu);
        if (how == 0 && threadIdx.x % 3 == 0)
            __nanosleep(1);
        di_sim_wgmma_wait(0);
    }
}

__global__ void sync_many(unsigned times) {
    for (unsigned i = 0; i < times; ++i)
        __syncthreads();
}
}

DI_SIM_KERNEL(fill, 0, fill);
DI_SIM_KERNEL(broadcast, 0, broadcast);
DI_SIM_KERNEL(read_then_write, 0, read_then_write);
DI_SIM_KERNEL(block_sum, 0, block_sum);
DI_SIM_KERNEL(divergent_sync, 0, divergent_sync);
DI_SIM_KERNEL(early_exit, 0, early_exit);
DI_SIM_KERNEL(warp_ops, 0, warp_ops);
DI_SIM_KERNEL(missing_lane, 0, missing_lane);
DI_SIM_KERNEL(shared_out_of_bounds, 0, shared_out_of_bounds);
DI_SIM_KERNEL(global_access, 0, global_access);
DI_SIM_KERNEL(misaligned, 0, misaligned);
DI_SIM_KERNEL(uninitialised, 0, uninitialised);
DI_SIM_KERNEL(lane_exchange, 0, lane_exchange);
DI_SIM_KERNEL(count, 0, count);
DI_SIM_KERNEL(message, 0, message);
DI_SIM_KERNEL(message_fence, 0, message_fence);
DI_SIM_KERNEL(trap_if, 0, trap_if);
DI_SIM_KERNEL(wait_for_last, 0, wait_for_last);
DI_SIM_KERNEL(read_often, 0, read_often);
DI_SIM_KERNEL(aligned_steps, 0, aligned_steps);
DI_SIM_KERNEL(bytes_and_vectors, 0, bytes_and_vectors);
DI_SIM_KERNEL(sync_many, 0, sync_many);
