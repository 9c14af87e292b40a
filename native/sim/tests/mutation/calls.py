# SPDX-License-Identifier: MIT
"""Finds the synchronisation of device sources and writes copies of them that lack one call of it.

What counts is every function of common/ptx whose purpose is order between threads, proxies or
asynchronous operations, and CUDA's own barriers and fences. Each function of common/ptx is in one of
the tables below: one that is in none stops the run, so that a new instruction is not forgotten.
"""

import re
from dataclasses import dataclass

# Calls that a mutant does without.
REMOVED = {
    "bar_arrive", "bar_sync", "cluster_arrive", "cluster_arrive_relaxed", "cluster_sync",
    "cluster_wait", "cp_async_bulk_commit", "cp_async_bulk_wait", "cp_async_bulk_wait_read",
    "cp_async_commit", "cp_async_mbarrier_arrive_noinc", "cp_async_wait", "fence_acq_rel_cta",
    "fence_acq_rel_gpu", "fence_acq_rel_sys", "fence_mbarrier_init", "fence_proxy_async",
    "fence_proxy_async_shared", "fence_proxy_tensormap_acquire_gpu",
    "fence_proxy_tensormap_release_gpu", "griddepcontrol_launch_dependents", "griddepcontrol_wait",
    "mbarrier_arrive", "mbarrier_arrive_cluster", "mbarrier_arrive_expect_tx",
    "mbarrier_arrive_expect_tx_cluster", "mbarrier_complete_tx", "mbarrier_complete_tx_cluster",
    "mbarrier_expect_tx", "mbarrier_init", "mbarrier_inval", "mbarrier_wait_parity",
    "mbarrier_wait_parity_cluster", "wgmma_commit", "wgmma_fence", "wgmma_wait",
}  # fmt: skip

# Questions that a mutant takes for answered with yes.
ANSWERED = {
    "mbarrier_arrive_state", "mbarrier_test_wait", "mbarrier_test_wait_parity", "mbarrier_try_wait",
    "mbarrier_try_wait_parity", "mbarrier_try_wait_parity_cluster",
}  # fmt: skip

# Accesses that order others; a mutant makes them relaxed, which leaves the access.
RELAXED = {
    "atom_add_acq_rel_gpu": "atom_add_relaxed_gpu",
    "atom_add_acq_rel_sys": "atom_add_relaxed_sys",
    "ld_acquire_cta": "ld_relaxed_cta",
    "ld_acquire_gpu": "ld_relaxed_gpu",
    "ld_acquire_sys": "ld_relaxed_sys",
    "red_add_release_gpu": "red_add_relaxed_gpu",
    "red_add_release_sys": "red_add_relaxed_sys",
    "st_release_gpu": "st_relaxed_gpu",
    "st_release_sys": "st_relaxed_sys",
}

# Functions of common/ptx that order nothing by themselves, or only the compiler's register
# allocation, which the simulator does not model.
OTHER = {
    "cluster_ctarank", "cluster_nctarank", "cp_async_16", "cp_async_4", "cp_async_bulk_load",
    "cp_async_bulk_load_multicast", "cp_async_bulk_prefetch", "cp_async_bulk_store",
    "cp_async_bulk_tensor_2d", "cp_async_bulk_tensor_2d_multicast", "cp_async_bulk_tensor_3d",
    "cp_async_bulk_tensor_4d", "cp_async_bulk_tensor_store_2d", "cp_async_bulk_tensor_store_3d",
    "cp_async_bulk_to_cluster", "cp_reduce_async_bulk_add_f32", "cp_reduce_async_bulk_tensor_add_2d",
    "elect_one", "globaltimer", "ld_relaxed_gpu", "ld_relaxed_sys", "ld_shared_cluster_u32", "mapa",
    "matrix_descriptor", "prefetch_tensormap", "red_add_relaxed_gpu", "setmaxnreg_dec",
    "setmaxnreg_inc", "shared_address", "st_relaxed_gpu", "st_relaxed_sys", "st_shared_cluster_u32",
    "wgmma_fence_operand",
}  # fmt: skip
OTHER_FAMILIES = re.compile(r"(ldmatrix|stmatrix|mma|wgmma)_[mx]\d\w*")

# CUDA's own.
BUILT_IN = {"__syncthreads", "__syncwarp", "__threadfence", "__threadfence_block", "__threadfence_system"}


class SourceError(Exception):
    """A source that cannot be taken apart, with the place."""


@dataclass(frozen=True)
class Call:
    """One call in one source. Function, text and ordinal name it; none depends on line numbers."""

    function: str
    text: str
    ordinal: int  # among calls of the same text in the function, from 1
    line: int
    begin: int
    end: int
    replacement: str

    @property
    def key(self):
        return self.function, self.text, self.ordinal


def blank(text):
    """The text with comments, strings and preprocessor lines as spaces: places stay the same."""

    def spaces(match):
        return re.sub(r"[^\n]", " ", match.group())

    text = re.sub(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", spaces, text, flags=re.S)
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", spaces, text, flags=re.M)


def closing(text, at, pair):
    """The place behind the bracket that closes the one at `at`."""
    depth = 0
    for i in range(at, len(text)):
        if text[i] == pair[0]:
            depth += 1
        elif text[i] == pair[1]:
            depth -= 1
            if depth == 0:
                return i + 1
    raise SourceError(f"line {line_of(text, at)}: {pair[0]} is not closed")


def line_of(text, at):
    return text.count("\n", 0, at) + 1


def function_name(head):
    """The function that a block behind this text is the body of, or None for other blocks."""
    if re.search(r"\b(namespace|struct|class|enum|union)\b[^()]*$", head) or "(" not in head:
        return None
    depth, end = 0, 0
    for i in range(len(head) - 1, -1, -1):
        if head[i] == ")":
            depth += 1
        elif head[i] == "(":
            depth -= 1
            if depth == 0:
                end = i
                break
    name = re.search(r"(\w+)\s*$", head[:end])
    return name.group(1) if name else None


def functions(text):
    """(begin, end, name) of every function body of blanked text, outermost ones only."""
    found, at, start = [], 0, 0
    while at < len(text):
        c = text[at]
        if c == "{":
            name = function_name(text[start:at])
            if name is not None:
                end = closing(text, at, "{}")
                found.append((at, end, name))
                at = end
            else:
                at += 1
            start = at
            continue
        if c in ";}":
            start = at + 1
        at += 1
    return found


_NAMES = "|".join(sorted(REMOVED | ANSWERED | RELAXED.keys(), key=len, reverse=True))
_CALL = re.compile(
    rf"(?<![\w:])(?:(?:di::)?ptx::(?P<name>{_NAMES})\s*(?P<arguments><[^<>;]*>)?|(?P<built_in>{'|'.join(BUILT_IN)}))\s*\("
)


_HIDDEN = re.compile(rf"(?<![\w:.])(?:{_NAMES})\s*(?:<[^<>;]*>)?\s*\(")
_IN_MACRO = re.compile(rf"^[ \t]*#[ \t]*define(?:[^\n]*\\\n)*[^\n]*\b(?:{_NAMES}|{'|'.join(BUILT_IN)})\s*[<(]", re.M)


def find_calls(source):
    """Every synchronisation call of a source, from top to bottom."""
    text = blank(source)
    if match := _IN_MACRO.search(source):
        raise SourceError(f"line {line_of(source, match.end())}: a macro hides a synchronisation call")
    if match := _HIDDEN.search(text):
        raise SourceError(f"line {line_of(text, match.start())}: a call without ptx:: before its name")
    bodies = functions(text)
    calls, counts = [], {}
    for match in _CALL.finditer(text):
        end = closing(text, match.end() - 1, "()")
        function = next((name for begin, stop, name in bodies if begin < match.start() < stop), None)
        if function is None:
            raise SourceError(f"line {line_of(text, match.start())}: a call outside of functions")
        original = source[match.start() : end]
        words = " ".join(original.split())
        name = match.group("name")
        if name in ANSWERED:
            replacement = "true"
        elif name in RELAXED:
            replacement = original.replace(name, RELAXED[name], 1)
        else:
            replacement = "static_cast<void>(0)"
        # Lines keep their numbers.
        replacement += "\n" * (original.count("\n") - replacement.count("\n"))
        counts[function, words] = counts.get((function, words), 0) + 1
        line = line_of(text, match.start())
        calls.append(Call(function, words, counts[function, words], line, match.start(), end, replacement))
    return calls


def without(source, call):
    """The mutant."""
    return source[: call.begin] + call.replacement + source[call.end :]


def ptx_functions(header):
    """The names that a header of common/ptx defines."""
    text = re.sub(r"//[^\n]*", "", header)
    names = set(re.findall(r"^(?:template <[^>]*> )?DI_DEVICE\s+[\w:]+[\s*&]+(\w+)\(", text, flags=re.M))
    return names | set(re.findall(r"^DI_PTX_(?:LOAD|STORE|ADD|RED)\((\w+),", text, flags=re.M))


def unclassified(header):
    """Functions of a header that are in none of the tables."""
    known = REMOVED | ANSWERED | RELAXED.keys() | OTHER
    return sorted(n for n in ptx_functions(header) if n not in known and not OTHER_FAMILIES.fullmatch(n))
