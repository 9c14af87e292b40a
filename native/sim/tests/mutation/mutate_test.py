# SPDX-License-Identifier: MIT
"""Tests of the search for calls and of the judgement about mutants; neither needs a compiler."""

import unittest

import calls
import mutate

SOURCE = """\
// ptx::wgmma_fence() in a comment
#include "common/ptx.cuh"
namespace di {
struct Storage { int barriers[2]; };
template <typename Config>
DI_DEVICE void consume(Storage& smem, const char* text = "ptx::wgmma_fence()") {
    if (threadIdx.x == 0) { ptx::mbarrier_arrive(
        ptx::shared_address(&smem.barriers[0])); }
    while (!ptx::mbarrier_try_wait_parity(barrier, 1)) {
    }
    ptx::cp_async_wait<kStages - 1>();
    __syncthreads(); /* __syncthreads() */ __syncthreads();
}
extern "C" __global__ void __launch_bounds__(128) kernel(const uint32_t* flag) {
    auto done = [&] { return di::ptx::ld_acquire_gpu(flag) != 0; };
    __syncthreads();
}
} // namespace di
"""


class FindCalls(unittest.TestCase):
    def test_source_with_every_form_names_function_text_and_ordinal(self):
        self.assertEqual(
            [call.key for call in calls.find_calls(SOURCE)],
            [
                ("consume", "ptx::mbarrier_arrive( ptx::shared_address(&smem.barriers[0]))", 1),
                ("consume", "ptx::mbarrier_try_wait_parity(barrier, 1)", 1),
                ("consume", "ptx::cp_async_wait<kStages - 1>()", 1),
                ("consume", "__syncthreads()", 1),
                ("consume", "__syncthreads()", 2),
                ("kernel", "di::ptx::ld_acquire_gpu(flag)", 1),
                ("kernel", "__syncthreads()", 1),
            ],
        )

    def test_lines_above_a_call_do_not_change_its_name(self):
        moved = SOURCE.replace("namespace di {\n", "namespace di {\n\nconstexpr int kMore = 1;\n", 1)
        self.assertEqual([c.key for c in calls.find_calls(SOURCE)], [c.key for c in calls.find_calls(moved)])

    def test_mutants_lack_one_call_and_keep_their_lines(self):
        for call in calls.find_calls(SOURCE):
            mutant = calls.without(SOURCE, call)
            self.assertEqual(mutant.count("\n"), SOURCE.count("\n"))
            self.assertEqual(mutant[: call.begin], SOURCE[: call.begin])
            self.assertEqual(mutant[call.begin + len(call.replacement) :], SOURCE[call.end :])

    def test_waits_are_answered_and_acquires_are_relaxed(self):
        replacements = {c.text: c.replacement for c in calls.find_calls(SOURCE)}
        self.assertEqual(replacements["ptx::mbarrier_try_wait_parity(barrier, 1)"], "true")
        self.assertEqual(replacements["di::ptx::ld_acquire_gpu(flag)"], "di::ptx::ld_relaxed_gpu(flag)")
        self.assertEqual(replacements["__syncthreads()"], "static_cast<void>(0)")

    def test_hidden_calls_are_refused(self):
        for source in (
            "void f() { cp_async_commit(); }",
            "#define WAIT() \\\n    ptx::cp_async_wait<0>()\n",
            "int x = ptx::ld_acquire_gpu(p);",
        ):
            with self.assertRaises(calls.SourceError):
                calls.find_calls(source)

    def test_unknown_instruction_is_named(self):
        header = "DI_DEVICE void cluster_sync() {\n}\nDI_DEVICE uint32_t barrier_red_popc(bool p) {\n}\n"
        self.assertEqual(calls.unclassified(header), ["barrier_red_popc"])


class Compare(unittest.TestCase):
    def setUp(self):
        call = next(c for c in calls.find_calls(SOURCE) if c.text == "__syncthreads()")
        self.mutant = mutate.Mutant("0", "area/kernel.cuh", call, None)
        self.key = "area/kernel.cuh", "consume", "__syncthreads()", 1

    def test_reported_mutant_is_right(self):
        rows, problems = mutate.compare([(self.mutant, mutate.Verdict("race", 3, "Suite.Test"))], {})
        self.assertEqual(problems, [])
        self.assertEqual(rows[0][3:], ("race", "3", "Suite.Test"))

    def test_listed_survivor_is_right(self):
        rows, problems = mutate.compare([(self.mutant, mutate.Verdict())], {self.key: "one warp"})
        self.assertEqual(problems, [])
        self.assertEqual(rows[0][3], "redundant: one warp")

    def test_unlisted_survivor_is_a_problem(self):
        _, problems = mutate.compare([(self.mutant, mutate.Verdict())], {})
        self.assertIn("not listed", problems[0])

    def test_listed_but_reported_mutant_is_a_problem(self):
        verdict = mutate.Verdict("race", 1, "Suite.Test")
        _, problems = mutate.compare([(self.mutant, verdict)], {self.key: "one warp"})
        self.assertIn("listed as redundant, but reported", problems[0])

    def test_entry_without_a_call_is_a_problem(self):
        gone = "area/kernel.cuh", "consume", "__syncthreads()", 9
        verdict = mutate.Verdict("race", 1, "Suite.Test")
        _, problems = mutate.compare([(self.mutant, verdict)], {gone: "no more"})
        self.assertIn("there is no call", problems[0])

    def test_dead_simulator_is_a_problem_even_if_listed(self):
        _, problems = mutate.compare([(self.mutant, mutate.Verdict(failure="SIGSEGV"))], {self.key: "one warp"})
        self.assertIn("SIGSEGV", problems[0])


if __name__ == "__main__":
    unittest.main()
