// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond.Engine;

/// <summary>An error inside the engine; the attempt is repeated on a fresh instance.</summary>
internal sealed class EngineException(string message, Exception inner)
    : PondTaskException(message, inner)
{
    internal override bool IsTransient => true;
}
