// SPDX-License-Identifier: MIT
namespace DeepInfra.FlashMla;

/// <summary>How a decode plan distributes key/value blocks over workers.</summary>
public enum SplitPolicy
{
    /// <summary>Equal work per worker. How a request is split, and so its rounding, depends on its neighbours and the worker count.</summary>
    Balanced,

    /// <summary>Splits of a fixed number of tokens: a request's result does not depend on its neighbours or the worker count.</summary>
    FixedSplitSize,

    /// <summary>No request is split: results do not depend on neighbours or the worker count; a single long request uses one worker.</summary>
    NoSplit,
}
