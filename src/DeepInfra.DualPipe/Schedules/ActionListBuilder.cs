// SPDX-License-Identifier: MIT
using System.Collections.Immutable;

namespace DeepInfra.DualPipe.Schedules;

/// <summary>
/// Builds one rank's list under the commit rule: a commit precedes every compute action while messages
/// are pending, and one more flushes what is left at the end.
/// </summary>
internal sealed class ActionListBuilder
{
    private readonly ImmutableArray<PipelineAction>.Builder _actions =
        ImmutableArray.CreateBuilder<PipelineAction>();
    private bool _pending;

    public void Message(PipelineAction action)
    {
        _actions.Add(action);
        _pending = true;
    }

    public void Compute(PipelineAction action)
    {
        Flush(action.Step);
        _actions.Add(action);
    }

    /// <summary>Emits a commit if messages are pending.</summary>
    public void Flush(int step = 0)
    {
        if (_pending)
        {
            _actions.Add(PipelineAction.Commit(step));
            _pending = false;
        }
    }

    public ImmutableArray<PipelineAction> Finish()
    {
        Flush();
        return _actions.DrainToImmutable();
    }
}
