// SPDX-License-Identifier: MIT
// Instructions that the lanes of a warp execute together.
#pragma once

namespace cudasim::test {

enum Converge {
    kConvergeFence,
    kConvergeCommit,
    kConvergeWait,
    kConvergeRegisters,
    kConvergeElect,
    kConvergeShuffle,
    kConvergeVote,
    kConvergeMatch,
    kConvergeReduce,
    kConvergeLdMatrix,
    kConvergeStMatrix,
    kConvergeMma,
    kConvergeClusterArrive, // from here on threads that have exited are not waited for
    kConvergeClusterWait,
    kConvergeBarArrive,
    kConvergeSync,
    kConverges
};

} // namespace cudasim::test
