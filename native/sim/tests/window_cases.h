// SPDX-License-Identifier: MIT
// What the kernels of window_kernels.cu are asked to do.
#pragma once

namespace cudasim::test {

// Instructions that take addresses of their own block.
enum OwnWindow {
    kLdMatrix,
    kStMatrix,
    kMbarrierInit,
    kMbarrierInval,
    kMbarrierArrive,
    kMbarrierArriveExpect,
    kMbarrierExpect,
    kMbarrierTest,
    kMbarrierTry,
    kCpAsync,
    kCpAsyncArrive,
    kBulkStore,
    kBulkReduce,
    kTensorStore,
    kTensorReduce,
    kBulkBetween,
    kToGeneric,
    kOwnWindows
};

// Copies between blocks, and what is wrong about them.
enum Send {
    kSendRight,
    kSendToItself,
    kSendOddSize,
    kSendNothing,
    kSendOddSource,
    kSendOddDestination,
    kSendBeyondSource,
    kSendBeyondDestination,
    kSendBarrierElsewhere,
    kSendToNobody,
    kSendAndExit,
    kSends
};

} // namespace cudasim::test
