// SPDX-License-Identifier: MIT
namespace DeepInfra.Headlines;

/// <summary>One figure of the performance goals: a ratio to a rival or to a ceiling measured in the same run.</summary>
internal interface IHeadline
{
    /// <summary>Name on the command line.</summary>
    string Name { get; }

    /// <summary>Unit of the value, such as <c>x</c> or <c>%</c>.</summary>
    string Unit { get; }

    /// <summary>The goal in words, such as <c>&gt;= 0.7</c>.</summary>
    string Goal { get; }

    /// <summary>Measures in under 60 seconds on two cores and writes what was compared.</summary>
    HeadlineResult Measure(TextWriter log);
}
