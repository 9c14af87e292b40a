// SPDX-License-Identifier: MIT
// Most of these tests wait for a network that a fault has made slow: twice as many as there are cores keep them busy.
[assembly: Xunit.v3.Parallelization(MaxThreads = 4)]
