// SPDX-License-Identifier: MIT
// ldmatrix, stmatrix and mma.sync.
#include <cstring>

#include "core/report.h"
#include "core/warp.h"
#include "core/window.h"
#include "core/worker.h"
#include "memory/access.h"
#include "tensor/fp8_sum.h"
#include "tensor/fragments.h"
#include "tensor/warp_views.h"

namespace cudasim {

const float* small_table(int type) {
    struct Tables {
        float e4m3[256], e5m2[256];
        Tables() {
            for (int i = 0; i < 256; ++i) {
                e4m3[i] = e4m3_to_float(static_cast<std::uint8_t>(i));
                e5m2[i] = e5m2_to_float(static_cast<std::uint8_t>(i));
            }
        }
    };
    static const Tables tables;
    return type == DI_SIM_E4M3 ? tables.e4m3 : tables.e5m2;
}

namespace {

// What a lane brings to a matrix instruction; lives on its stack until all are done.
struct MatrixArguments {
    unsigned* registers;
    std::uint32_t address;
    int count, transpose;
    const void* caller;
};
MatrixArguments& matrix_arguments(const Thread& t) {
    return *reinterpret_cast<MatrixArguments*>(t.operand);
}

// Row r of matrix m is at the address that lane 8 m + r gave.
const std::uint8_t* matrix_row(Warp& warp, int m, int r, const char* what) {
    Thread& owner = warp.threads[8 * m + r];
    const MatrixArguments& a = matrix_arguments(owner);
    return own_shared_pointer(&owner, a.address, 16, 16, what, a.caller);
}

void load_matrices(Warp& warp, std::uint32_t, void*) {
    const MatrixArguments& first = matrix_arguments(warp.threads[0]);
    SharedViews views(warp.threads, kWarpSize);
    for (int m = 0; m < first.count; ++m) {
        std::uint16_t rows[8][8];
        for (int r = 0; r < 8; ++r) {
            Thread* owner = &warp.threads[8 * m + r];
            const std::uint8_t* p = matrix_row(warp, m, r, "ldmatrix");
            views.read(owner, first.caller, own_epoch(owner, false), p, 16, false, "ldmatrix");
            std::memcpy(rows[r], p, 16);
        }
        for (int lane = 0; lane < 32; ++lane) {
            int r = lane / 4, c = lane % 4 * 2;
            std::uint32_t low = first.transpose != 0 ? rows[c][r] : rows[r][c];
            std::uint32_t high = first.transpose != 0 ? rows[c + 1][r] : rows[r][c + 1];
            matrix_arguments(warp.threads[lane]).registers[m] = low | high << 16;
        }
    }
}

void store_matrices(Warp& warp, std::uint32_t, void*) {
    const MatrixArguments& first = matrix_arguments(warp.threads[0]);
    for (int m = 0; m < first.count; ++m) {
        std::uint16_t rows[8][8];
        for (int lane = 0; lane < 32; ++lane) {
            std::uint32_t v = matrix_arguments(warp.threads[lane]).registers[m];
            int r = lane / 4, c = lane % 4 * 2;
            (first.transpose != 0 ? rows[c][r] : rows[r][c]) = static_cast<std::uint16_t>(v);
            (first.transpose != 0 ? rows[c + 1][r] : rows[r][c + 1]) =
                static_cast<std::uint16_t>(v >> 16);
        }
        for (int r = 0; r < 8; ++r) {
            Thread* owner = &warp.threads[8 * m + r];
            auto* p = const_cast<std::uint8_t*>(matrix_row(warp, m, r, "stmatrix"));
            AccessFlags flags;
            flags.write = true;
            flags.what = "stmatrix";
            check_access(owner, p, 16, flags, first.caller);
            std::memcpy(p, rows[r], 16);
        }
    }
}

void matrix(unsigned* registers, unsigned address, int count, int transpose, bool store,
            const void* caller) {
    Thread* t = current_thread();
    const char* what = store ? "stmatrix" : "ldmatrix";
    if (count != 1 && count != 2 && count != 4)
        fail(t, caller, "invalid argument", "%s of %d matrices", what, count);
    if (t->warp->live != kFullMask)
        fail(t, caller, "divergent collective", "%s in a warp without lanes 0x%08x", what,
             ~t->warp->live);
    MatrixArguments a{registers, address, count, transpose, caller};
    t->operand = reinterpret_cast<std::uint64_t>(&a);
    int kind = (store ? kStoreMatrix : kLoadMatrix) + count * 2 + transpose;
    collective(t, kFullMask, kind, what, caller, store ? store_matrices : load_matrices);
}

struct MmaArguments {
    int n, k, type_a, type_b, type_d;
    float* d;
    const unsigned *a, *b;
    const float* c;
    const void* caller;
};

void multiply(Warp& warp, std::uint32_t, void*) {
    auto of = [&](int lane) -> MmaArguments& {
        return *reinterpret_cast<MmaArguments*>(warp.threads[lane].operand);
    };
    const MmaArguments& s = of(0);
    float a[16 * 32], b[32 * 8], d[16 * 8];
    int bytes = element_bytes(s.type_a), per = 4 / bytes;
    int a_registers = 16 * s.k * bytes / 128, b_registers = s.k * 8 * bytes / 128;
    for (int lane = 0; lane < 32; ++lane) {
        const MmaArguments& l = of(lane);
        for (int j = 0; j < a_registers; ++j) {
            const auto* p = reinterpret_cast<const std::uint8_t*>(&l.a[j]);
            for (int e = 0; e < per; ++e)
                a[a_row(lane, j) * s.k + a_k(lane, j, per) + e] =
                    element_to_float(s.type_a, p + e * bytes);
        }
        for (int j = 0; j < b_registers; ++j) {
            const auto* p = reinterpret_cast<const std::uint8_t*>(&l.b[j]);
            for (int e = 0; e < per; ++e)
                b[(b_k(lane, j, per) + e) * 8 + b_column(lane)] =
                    element_to_float(s.type_b, p + e * bytes);
        }
        for (int i = 0; i < 4; ++i)
            d[d_row(lane, i) * 8 + d_column(lane, i)] = l.c[i];
    }
    if (bytes == 1 && truncates_fp8(&warp.threads[0], s.caller)) {
        multiply_truncating(a, b, d, 16, 8, s.k, s.type_a, s.type_b);
    } else {
        for (int r = 0; r < 16; ++r)
            for (int k = 0; k < s.k; ++k)
                for (int c = 0; c < 8; ++c)
                    d[r * 8 + c] += a[r * s.k + k] * b[k * 8 + c];
    }
    for (int lane = 0; lane < 32; ++lane)
        for (int i = 0; i < 4; ++i)
            of(lane).d[i] = d[d_row(lane, i) * 8 + d_column(lane, i)];
}

} // namespace
} // namespace cudasim

using namespace cudasim;

#define EXPORT extern "C" __attribute__((visibility("default")))
#define CALLER __builtin_return_address(0)

EXPORT void di_sim_ldmatrix(unsigned* registers, unsigned address, int count, int transpose) {
    matrix(registers, address, count, transpose, false, CALLER);
}
EXPORT void di_sim_stmatrix(const unsigned* registers, unsigned address, int count, int transpose) {
    matrix(const_cast<unsigned*>(registers), address, count, transpose, true, CALLER);
}

EXPORT void di_sim_mma(int m, int n, int k, int type_a, int type_b, int type_d, void* d,
                       const unsigned* a, const unsigned* b, const void* c) {
    Thread* t = current_thread();
    int bytes = element_bytes(type_a);
    bool known = m == 16 && n == 8 && type_d == DI_SIM_F32 && bytes == element_bytes(type_b) &&
                 (k * bytes == 32 || (k * bytes == 16 && bytes != 1));
    if (!known)
        fail(t, CALLER, "not modelled", "mma.sync m%dn%dk%d of types %d and %d into %d", m, n, k,
             type_a, type_b, type_d);
    if (t->warp->live != kFullMask)
        fail(t, CALLER, "divergent collective", "mma.sync in a warp without lanes 0x%08x",
             ~t->warp->live);
    MmaArguments arguments{n,      k,      type_a,
                           type_b, type_d, static_cast<float*>(d),
                           a,      b,      static_cast<const float*>(c),
                           CALLER};
    t->operand = reinterpret_cast<std::uint64_t>(&arguments);
    collective(t, kFullMask, kMma + k * 256 + type_a * 16 + type_b, "mma.sync", CALLER, multiply);
}
