// SPDX-License-Identifier: MIT
// Boxes of every rank through tensor maps, against loops over coordinates: parts outside, swizzles,
// element strides, reductions.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

#include "async/tensor_map.h"
#include "reference_reduce.h"
#include "sim_test.h"

extern "C" {
extern const di_sim_kernel_info di_sim_kernel_tensor_box, di_sim_kernel_tensor_reduce,
    di_sim_kernel_tensor_map_message;
}

namespace cudasim::test {
namespace {

using Five = std::array<int, 5>;
struct Coordinates {
    int at[5];
};

struct Tensor {
    unsigned rank;
    Five extents, box, element_strides{1, 1, 1, 1, 1};
    int swizzle = 0, fill = 0;
    TensorType type = TensorType::U16;

    // Rows are padded to multiples of 16 bytes.
    std::uint64_t row() const {
        return (static_cast<std::uint64_t>(extents[0]) * tensor_element_bytes(type) + 31) / 16 * 16;
    }
    // Bytes from one coordinate of dimension d to the next.
    std::uint64_t step(unsigned d) const {
        if (d == 0)
            return tensor_element_bytes(type);
        std::uint64_t step = row();
        for (unsigned i = 1; i < d; ++i)
            step *= static_cast<std::uint64_t>(extents[i]);
        return step;
    }
    std::uint64_t bytes() const { return step(rank); }
    int count(unsigned d) const {
        return d == 0 ? box[0] : (box[d] + element_strides[d] - 1) / element_strides[d];
    }
    unsigned elements() const {
        unsigned n = 1;
        for (unsigned d = 0; d < rank; ++d)
            n *= static_cast<unsigned>(count(d));
        return n;
    }
    TensorMap map(const void* p) const {
        std::uint64_t e[5], s[4] = {};
        std::uint32_t b[5], strides[5];
        for (unsigned d = 0; d < rank; ++d) {
            e[d] = static_cast<std::uint64_t>(extents[d]);
            b[d] = static_cast<std::uint32_t>(box[d]);
            strides[d] = static_cast<std::uint32_t>(element_strides[d]);
            if (d > 0)
                s[d - 1] = step(d);
        }
        TensorMap map;
        bool missing = false;
        const char* wrong = encode_tensor_map(&map, static_cast<int>(type), rank, p, e, s, b,
                                              strides, 0, swizzle, fill, &missing);
        EXPECT_EQ(wrong, nullptr) << wrong;
        return map;
    }
    // Calls f(number of the element in the box, byte offset in the tensor or -1 outside).
    template <typename F> void each(const Five& at, F f) const {
        for (unsigned i = 0; i < elements(); ++i) {
            unsigned rest = i;
            long long offset = 0;
            bool inside = true;
            for (unsigned d = 0; d < rank; ++d) {
                int n = count(d), index = static_cast<int>(rest % static_cast<unsigned>(n));
                rest /= static_cast<unsigned>(n);
                int c = at[d] + index * (d == 0 ? 1 : element_strides[d]);
                inside = inside && c >= 0 && c < extents[d];
                offset += static_cast<long long>(c) * static_cast<long long>(step(d));
            }
            f(i, inside ? offset : -1);
        }
    }
    // Where byte b of an unswizzled box lies in shared memory: lines of the swizzle's width
    // exchange their pieces of 16 bytes by the number of the line.
    unsigned place(unsigned b) const {
        if (swizzle == 0)
            return b;
        unsigned width = 16u << swizzle, line = b / width, piece = b % width / 16;
        unsigned pattern = swizzle == 3 ? line % 8 : swizzle == 2 ? line / 2 % 4 : line / 4 % 2;
        return line * width + (piece ^ pattern) * 16 + b % 16;
    }
};

Coordinates to_kernel(const Five& at) {
    Coordinates c;
    std::copy(at.begin(), at.end(), c.at);
    return c;
}

// Loads a box, looks at shared memory, and stores it into another tensor.
void check_box(const Tensor& t, const Five& load_at, const Five& store_at, unsigned seed,
               unsigned blocks = 1) {
    SCOPED_TRACE(testing::Message()
                 << "rank " << t.rank << " swizzle " << t.swizzle << " seed " << seed);
    const unsigned element = tensor_element_bytes(t.type), bytes = t.elements() * element;
    Buffer<unsigned char> from(t.bytes()), to(t.bytes()), out(bytes * blocks);
    for (std::size_t i = 0; i < from.size(); ++i) {
        from[i] = static_cast<unsigned char>((i * 7 + i / 256 * 31) % 251 + 1);
        to[i] = 0;
    }
    Dims dims;
    dims.grid = dims.cluster = {blocks, 1, 1};
    dims.shared = 16384 + 1024;
    dims.seed = seed;
    Report r =
        launch(di_sim_kernel_tensor_box, dims, t.map(from.data()), t.map(to.data()), out.data(),
               bytes, static_cast<int>(t.rank), to_kernel(load_at), to_kernel(store_at));
    ASSERT_TRUE(r.empty()) << r.text;
    std::vector<unsigned char> box(bytes);
    t.each(load_at, [&](unsigned i, long long offset) {
        for (unsigned b = 0; b < element; ++b) {
            // The NaN of the fill has all bits but the sign.
            unsigned char fill = t.fill == 0 ? 0 : b + 1 == element ? 0x7f : 0xff;
            box[i * element + b] = offset < 0 ? fill : from[static_cast<std::size_t>(offset) + b];
        }
    });
    for (unsigned block = 0; block < blocks; ++block)
        for (unsigned b = 0; b < bytes; ++b)
            ASSERT_EQ(out[block * bytes + t.place(b)], box[b]) << "byte " << b;
    std::vector<unsigned char> want(t.bytes(), 0);
    t.each(store_at, [&](unsigned i, long long offset) {
        for (unsigned b = 0; b < element && offset >= 0; ++b)
            want[static_cast<std::size_t>(offset) + b] = box[i * element + b];
    });
    for (std::size_t i = 0; i < want.size(); ++i)
        ASSERT_EQ(to[i], want[i]) << "tensor byte " << i;
}

Tensor tensor_of(unsigned rank, int swizzle = 0) {
    Tensor t{rank, {70, 7, 5, 4, 3}, {8, 4, 3, 2, 2}};
    t.swizzle = swizzle;
    if (swizzle != 0)
        t.box[0] = 8 << swizzle;
    return t;
}

class TensorRanks : public testing::TestWithParam<int> {};

TEST_P(TensorRanks, BoxInsideAndOutsideInEachDimension_IsFilledAndCut) {
    const auto rank = static_cast<unsigned>(GetParam());
    const Five inside{3, 1, 1, 1, 0};
    for (int fill = 0; fill < 2; ++fill) {
        Tensor t = tensor_of(rank);
        t.fill = fill;
        t.type = fill != 0 ? TensorType::BF16 : TensorType::U16;
        check_box(t, inside, inside, 1);
        for (unsigned d = 0; d < rank; ++d)
            for (int at : {-1, -t.box[d], t.extents[d] - 1, t.extents[d], -1000}) {
                Five outside = inside;
                outside[d] = at;
                check_box(t, outside, inside, d + 2);
                check_box(t, inside, outside, d + 3);
            }
    }
}

TEST_P(TensorRanks, SwizzledBox_LiesAsDrawn) {
    const auto rank = static_cast<unsigned>(GetParam());
    for (int swizzle = 1; swizzle < 4; ++swizzle)
        for (unsigned seed = 1; seed <= 4; ++seed) {
            check_box(tensor_of(rank, swizzle), {2, 1, 1, 1, 0}, {-3, -1, 3, 1, 1}, seed);
            check_box(tensor_of(rank, swizzle), {50, 5, -1, 3, 2}, {0, 0, 0, 0, 0}, seed);
        }
}

TEST_P(TensorRanks, ElementStrides_SkipElements) {
    const auto rank = static_cast<unsigned>(GetParam());
    Tensor t = tensor_of(rank);
    t.element_strides = {5, 2, 3, 2, 8}; // the first has no effect
    t.box = {8, 7, 4, 3, 8};
    for (unsigned seed = 1; seed <= 4; ++seed) {
        check_box(t, {1, 0, 0, 1, 0}, {9, 1, 1, 0, 2}, seed);
        check_box(t, {66, -1, 2, -1, -8}, {-1, 3, -3, 2, 1}, seed);
    }
    t.swizzle = 2;
    t.box[0] = 32;
    check_box(t, {1, 0, 0, 1, 0}, {9, 1, 1, 0, 2}, 5);
}

TEST_P(TensorRanks, Multicast_ReachesBothBlocks) {
    for (unsigned seed = 1; seed <= 4; ++seed)
        check_box(tensor_of(static_cast<unsigned>(GetParam()), 3), {-2, 1, 3, 0, 1},
                  {0, 0, 0, 0, 0}, seed, 2);
}

INSTANTIATE_TEST_SUITE_P(All, TensorRanks, testing::Range(1, 6));

struct ReduceType {
    TensorType type;
    int element;
    std::vector<int> operations;
};

const std::vector<ReduceType>& reduce_types() {
    constexpr int kAdd = DI_SIM_ADD, kMin = DI_SIM_MIN, kMax = DI_SIM_MAX, kInc = DI_SIM_INC,
                  kDec = DI_SIM_DEC, kAnd = DI_SIM_AND, kOr = DI_SIM_OR, kXor = DI_SIM_XOR;
    static const std::vector<ReduceType> types = {
        {TensorType::U32, DI_SIM_U32, {kAdd, kMin, kMax, kInc, kDec, kAnd, kOr, kXor}},
        {TensorType::S32, DI_SIM_S32, {kAdd, kMin, kMax, kAnd, kOr, kXor}},
        {TensorType::U64, DI_SIM_U64, {kAdd, kMin, kMax, kAnd, kOr, kXor}},
        {TensorType::S64, DI_SIM_S64, {kMin, kMax, kAnd, kOr, kXor}},
        {TensorType::F16, DI_SIM_F16, {kAdd, kMin, kMax}},
        {TensorType::BF16, DI_SIM_BF16, {kAdd, kMin, kMax}},
        {TensorType::F32, DI_SIM_F32, {kAdd}},
        {TensorType::F64, DI_SIM_F64, {kAdd}},
        {TensorType::U16, DI_SIM_U16, {}},
        {TensorType::U8, DI_SIM_U8, {}}};
    return types;
}

TEST_P(TensorRanks, Reductions_CombineOnlyWhatIsInside) {
    const auto rank = static_cast<unsigned>(GetParam());
    for (const ReduceType& type : reduce_types())
        for (int op = DI_SIM_ADD; op <= DI_SIM_XOR; ++op) {
            SCOPED_TRACE(testing::Message()
                         << "type " << static_cast<int>(type.type) << " operation " << op);
            Tensor t{rank, {20, 5, 4, 3, 3}, {16, 4, 3, 2, 2}};
            t.type = type.type;
            const unsigned element = tensor_element_bytes(t.type), bytes = t.elements() * element;
            Buffer<unsigned char> tensor(t.bytes()), in(bytes);
            Rng rng(rank * 100 + static_cast<unsigned>(op));
            auto fill = [&](Buffer<unsigned char>& b) {
                for (std::size_t i = 0; i + element <= b.size(); i += element) {
                    std::uint64_t value = reduce_operand(type.element, rng);
                    std::memcpy(b.data() + i, &value, element);
                }
            };
            fill(tensor);
            fill(in);
            std::vector<unsigned char> want(tensor.data(), tensor.data() + tensor.size());
            const Five at{8, -1, 2, -1, 2};
            bool known = std::find(type.operations.begin(), type.operations.end(), op) !=
                         type.operations.end();
            if (known) {
                t.each(at, [&](unsigned i, long long offset) {
                    if (offset < 0)
                        return;
                    std::uint64_t old = 0, value = 0;
                    std::memcpy(&old, &want[static_cast<std::size_t>(offset)], element);
                    std::memcpy(&value, in.data() + i * element, element);
                    old = reduced(type.element, op, old, value);
                    std::memcpy(&want[static_cast<std::size_t>(offset)], &old, element);
                });
            }
            Dims dims;
            dims.shared = 16384 + 1024;
            dims.seed = static_cast<unsigned>(op) + 1;
            Report r = launch(di_sim_kernel_tensor_reduce, dims, t.map(tensor.data()), in.data(),
                              bytes, static_cast<int>(rank), to_kernel(at), op);
            ASSERT_EQ(r.kind, known ? "" : "invalid argument") << r.text;
            for (std::size_t i = 0; i < want.size(); ++i)
                ASSERT_EQ(tensor[i], want[i]) << i;
        }
}

TEST(TensorMaps, WrittenOnTheDevice_NeedFencesOfTheirProxy) {
    Tensor t{2, {70, 7, 1, 1, 1}, {8, 4, 1, 1, 1}};
    Buffer<unsigned char> tensor(t.bytes(), static_cast<unsigned char>(3)), out(64);
    for (unsigned seed = 1; seed <= 12; ++seed)
        for (int how = 0; how < 3; ++how) {
            Buffer<TensorMap> message(1);
            Buffer<std::uint32_t> flag(1, 0u);
            Dims dims;
            dims.grid = {2, 1, 1};
            dims.shared = 16384 + 1024;
            dims.seed = seed;
            Report r = launch(di_sim_kernel_tensor_map_message, dims, t.map(tensor.data()),
                              message.data(), flag.data(), out.data(), 64u, how);
            ASSERT_EQ(r.kind, how == 0 ? "" : how == 1 ? "proxy race" : "race") << seed << r.text;
            if (how == 0) {
                ASSERT_EQ(out[63], 3);
            }
            if (how == 1) {
                EXPECT_NE(r.text.find("fence.proxy.tensormap.acquire is missing"),
                          std::string::npos)
                    << r.text;
            }
        }
}

} // namespace
} // namespace cudasim::test
