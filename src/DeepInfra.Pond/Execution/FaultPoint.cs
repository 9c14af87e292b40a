// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond.Execution;

/// <summary>Moments of an attempt at which a test can inject a failure.</summary>
internal enum FaultPoint
{
    BeforeRun,
    AfterWrite,
    AfterCommit,
    BeforePublish,
    AfterPublish,
}
