// SPDX-License-Identifier: MIT
// What a kernel does with registers that wgmma uses.
#pragma once

namespace cudasim::test {

enum Registers {
    kRegistersRight,
    kNoFence,
    kAccumulatorWrittenAfterFence,
    kFragmentWrittenAfterFence,
    kAccumulatorReadBeforeWait,
    kAccumulatorWrittenBeforeWait,
    kFragmentWrittenBeforeWait,
    kFragmentReadBeforeWait,
    kUsedAgainWithoutFence,
    kNotTouchedBetween,
    kSecondReadAfterTheFirstsWait,
    kFirstReadAfterItsWait,
    kRegisterCases
};

} // namespace cudasim::test
