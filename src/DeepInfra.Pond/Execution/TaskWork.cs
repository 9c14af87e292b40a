// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond.Execution;

/// <summary>What a task does. Immutable; one instance may serve several attempts.</summary>
internal abstract class TaskWork
{
    /// <summary>Only rearranges file lists: runs without a slot, an attempt directory or a commit.</summary>
    public virtual bool MetadataOnly => false;

    /// <summary>Number of output slots.</summary>
    public virtual int Slots => 1;

    /// <summary>Whether more threads make it faster.</summary>
    public virtual bool CanUseMoreCores => true;

    /// <summary>Whether the output may have observations.</summary>
    public virtual bool Measures => false;

    /// <summary>Adds everything that the output depends on, except the inputs.</summary>
    public abstract void AppendKey(KeyBuilder key);

    public abstract TaskOutput Run(TaskContext context);
}
