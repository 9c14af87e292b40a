// SPDX-License-Identifier: MIT
namespace DeepInfra.Headlines;

/// <summary>The measured value, in the unit of its headline.</summary>
internal readonly record struct HeadlineResult(double Value);
