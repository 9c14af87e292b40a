// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep.Engine;

/// <summary>An operation that a buffer runs in order, on the calling thread or on its communication thread.</summary>
internal interface IEpOperation
{
    EpEvent Completion { get; }

    void Execute();
}
