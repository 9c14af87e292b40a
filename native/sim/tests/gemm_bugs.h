// SPDX-License-Identifier: MIT
// Ways to break the test kernel.
#pragma once

namespace cudasim::test {

enum GemmBug : int {
    kNoBug,
    kConsumerSkipsFullWait,
    kProducerSkipsEmptyWait,
    kMissingWgmmaWait,
    kWaitAfterRead,
    kPhaseFlipsEveryStage,
    kPhaseNeverFlips,
    kWrongInitialParity,
    kReleasedTooEarly,
    kExpectHalved,
    kExpectDoubled,
    kMissingInitSync,
    kMissingInitFence,
    kMissingEpilogueBarrier,
    kWrongStride,
    kMapWithoutSwizzle, // made by the host
    kSwappedRows,
    kMissingWgmmaFence,
    kMissingProxyFence,
    kFenceBeforeWrites,
    kMissingStoreWait,
    kOverArrival,
    kGemmBugs
};

} // namespace cudasim::test
