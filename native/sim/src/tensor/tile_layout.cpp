// SPDX-License-Identifier: MIT
#include "tensor/tile_layout.h"

#include <algorithm>
#include <iterator>

#include "core/report.h"
#include "memory/shadow.h"
#include "tensor/descriptor.h"
#include "tensor/fragments.h"
#include "tensor/warpgroup.h"

namespace cudasim {

namespace {

constexpr const char* kSwizzles[] = {"no swizzle", "the 32-byte swizzle", "the 64-byte swizzle",
                                     "the 128-byte swizzle"};

bool same_layout(const Tile& a, const Tile& b) {
    return a.bytes == b.bytes && a.row_bytes == b.row_bytes && a.swizzle == b.swizzle;
}

const Tile* tile_at(const Block& block, std::uint32_t offset) {
    auto it = block.tiles.upper_bound(offset);
    if (it == block.tiles.begin())
        return nullptr;
    const Tile& tile = std::prev(it)->second;
    return offset < tile.start + tile.bytes ? &tile : nullptr;
}

std::string describe_tile(const Tile& tile) {
    return format("the tile at shared memory offset %u, which a tensor map with %s has loaded for ",
                  tile.start - kSharedBase, kSwizzles[tile.swizzle]) +
           name_of(tile.issuer) + "\n    at " + place_of(tile.caller);
}

// An operand as its descriptor says it: lines of pieces of 16 bytes, that is rows of k bytes or,
// when MN-major, k times rows.
struct Operand {
    const WgmmaOp& op;
    bool is_b;
    MatrixDescriptor descriptor;
    bool mn;
    unsigned lines, pieces; // of a line

    Operand(const WgmmaOp& o, bool b)
        : op(o), is_b(b), descriptor(b ? o.shape.desc_b : o.shape.desc_a),
          mn((b ? o.shape.transpose_b : o.shape.transpose_a) != 0) {
        const WgmmaShape& s = op.shape;
        auto rows = static_cast<unsigned>(b ? s.n : 64), k = static_cast<unsigned>(s.k);
        auto bytes = static_cast<unsigned>(element_bytes(b ? s.type_b : s.type_a));
        lines = mn ? k : rows;
        pieces = (mn ? rows : k) * bytes / 16;
    }

    // Pieces of a line that the descriptor takes from one row of a tile. Where the next ones lie is
    // the leading offset's matter: another tile, or another plane of the same box.
    unsigned together() const {
        return descriptor.swizzle == 0 ? 1 : mn ? 1u << descriptor.swizzle : pieces;
    }
    const char* line_name() const { return mn ? "k" : "row"; }
    std::string name() const { return format("operand %c of wgmma", is_b ? 'B' : 'A'); }
};

// Where lines begin in a tile: line `line` of the operand is row `row` of it, from piece `piece`
// on.
struct Anchor {
    const Tile* tile = nullptr;
    unsigned part = 0, line = 0;
    std::uint32_t row = 0, piece = 0;
};

[[noreturn]] void mismatch(const WarpgroupState& g, const Operand& operand, std::string text) {
    fail_text(g.first_thread(), operand.op.caller, "layout mismatch",
              operand.name() + std::move(text));
}

void check_piece(const WarpgroupState& g, const Operand& operand, std::vector<Anchor>& anchors,
                 const Tile& tile, std::uint32_t at, unsigned line, unsigned piece) {
    const MatrixDescriptor& d = operand.descriptor;
    if (d.swizzle != tile.swizzle) {
        mismatch(g, operand,
                 format(": the descriptor says %s, but it reads ", kSwizzles[d.swizzle]) +
                     describe_tile(tile));
    }
    const std::uint32_t offset = swizzle_address(at, tile.swizzle) - tile.start;
    const std::uint32_t row = offset / tile.row_bytes, in_row = offset % tile.row_bytes / 16;
    // Where groups of eight lines lie is for the leading offset to say, or a stride of 0 repeats
    // them.
    const bool groups = d.stride == 0 || (operand.mn && d.swizzle == 0);
    const unsigned part = piece / operand.together() + (groups ? line / 8 * 64 : 0);
    auto known = std::find_if(anchors.begin(), anchors.end(),
                              [&](const Anchor& a) { return a.tile == &tile && a.part == part; });
    if (known == anchors.end()) {
        anchors.push_back({&tile, part, line, row, in_row - piece % operand.together()});
        return;
    }
    const std::uint32_t expected = known->row + (line - known->line);
    const std::uint32_t expected_piece = known->piece + piece % operand.together();
    if (row == expected && in_row == expected_piece)
        return;
    mismatch(
        g, operand,
        format(": %s %u is read from row %u, byte %u of a row, but %s %u from row %u, so that it "
               "must be row %u, byte %u (stride byte offset %u, leading byte offset %u; eight "
               "rows of the tile take %u bytes) of ",
               operand.line_name(), line, row, in_row * 16, operand.line_name(), known->line,
               known->row, expected, expected_piece * 16, d.stride, d.leading, 8 * tile.row_bytes) +
            describe_tile(tile));
}

} // namespace

void note_tile(Block& block, const Tile& tile) {
    auto it = block.tiles.lower_bound(tile.start);
    if (it != block.tiles.end() && it->first == tile.start && same_layout(it->second, tile)) {
        it->second = tile;
        return;
    }
    if (it != block.tiles.begin() &&
        std::prev(it)->second.start + std::prev(it)->second.bytes > tile.start)
        --it;
    while (it != block.tiles.end() && it->first < tile.start + tile.bytes)
        it = block.tiles.erase(it);
    block.tiles.emplace(tile.start, tile);
    ++block.tile_layouts;
}

void check_layout(WarpgroupState& g, const WgmmaOp& op, bool is_b,
                  const std::vector<std::uint32_t>& chunks) {
    const Block& block = *g.block;
    if (block.tiles.empty())
        return;
    // The same instructions read the same places again and again: as long as no tile of another
    // layout has come, what was right is.
    const Operand operand(op, is_b);
    const LayoutCheck check{is_b ? op.shape.desc_b : op.shape.desc_a, block.tile_layouts,
                            operand.lines, operand.pieces, operand.mn};
    auto& checked = g.layouts_checked;
    if (std::find(checked.begin(), checked.end(), check) != checked.end())
        return;
    const Shadow& shadow = *block.cluster->shadow;
    std::vector<Anchor> anchors;
    for (unsigned line = 0, i = 0; line < operand.lines; ++line) {
        for (unsigned piece = 0; piece < operand.pieces; ++piece, ++i) {
            const Tile* tile = tile_at(block, chunks[i]);
            // Bytes that somebody has written since lie as he means it.
            if (tile != nullptr && shadow.last_write(block.shared + chunks[i]) == tile->epoch)
                check_piece(g, operand, anchors, *tile, chunks[i], line, piece);
        }
    }
    constexpr std::size_t kRemembered = 128;
    if (checked.size() < kRemembered)
        checked.push_back(check);
    else
        checked[g.next_layout++ % kRemembered] = check;
}

} // namespace cudasim
