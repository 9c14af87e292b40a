// SPDX-License-Identifier: MIT
using DeepInfra.Pond.Plan;

namespace DeepInfra.Pond.Execution;

internal enum TaskState
{
    Waiting,
    Ready,
    Active,
    Done,
    Failed,
}

/// <summary>One slot of a task's output.</summary>
internal readonly record struct SlotRef(PondTask Task, int Slot);

/// <summary>
/// One input partition of a task: slots whose rows are concatenated, then queries applied in order, each
/// reading the one before it as <c>{0}</c>.
/// </summary>
internal sealed class TaskInput(IReadOnlyList<SlotRef> slots, IReadOnlyList<string> wrappers)
{
    public TaskInput(SlotRef slot)
        : this([slot], []) { }

    public IReadOnlyList<SlotRef> Slots => slots;

    public IReadOnlyList<string> Wrappers => wrappers;

    public TaskInput Wrap(string sql) => new(slots, [.. wrappers, sql]);

    /// <summary>The files to read; tasks that give only a payload have none.</summary>
    public IReadOnlyList<FileSet> Sets =>
        slots
            .Where(s => s.Slot < s.Task.Output!.Slots.Count)
            .Select(s => s.Task.Output!.Slots[s.Slot])
            .ToArray();
}

/// <summary>A unit of work: reads input partitions, produces one or more output slots.</summary>
internal sealed class PondTask
{
    private TaskState _state = TaskState.Waiting;

    public PondTask(PlanNode node, int partition, TaskWork work, IReadOnlyList<TaskInput> inputs)
    {
        Node = node;
        Partition = partition;
        Work = work;
        Inputs = inputs;
        Producers = inputs.SelectMany(i => i.Slots).Select(s => s.Task).Distinct().ToArray();
        Depth = Producers.Count == 0 ? 0 : Producers.Max(p => p.Depth) + 1;
        Key = BuildKey();
    }

    public int Id { get; set; }

    public PlanNode Node { get; }

    public int Partition { get; }

    public TaskWork Work { get; }

    public IReadOnlyList<TaskInput> Inputs { get; }

    public IReadOnlyList<PondTask> Producers { get; }

    public int Depth { get; }

    public string Key { get; }

    public TaskOutput? Output { get; set; }

    /// <summary>Keep the files after the last consumer has finished.</summary>
    public bool Retain { get; set; }

    /// <summary>This run's hold on the files has ended.</summary>
    public bool Released { get; set; }

    /// <summary>The output was committed by an earlier run.</summary>
    public bool Reused { get; set; }

    public List<PondTask> Consumers { get; } = [];

    public int PendingInputs { get; set; }

    /// <summary>Consumers that have not finished; the files may be deleted at zero.</summary>
    public int Holders { get; set; }

    public int Failures { get; set; }

    public int Attempts { get; set; }

    public int MemoryFactor { get; set; } = 1;

    public bool SingleThread { get; set; }

    public long ReadySince { get; set; }

    public TaskState State
    {
        get => _state;
        set
        {
            var legal = (_state, value) switch
            {
                (TaskState.Waiting, TaskState.Ready or TaskState.Done) => true,
                (TaskState.Ready, TaskState.Active) => true,
                (TaskState.Active, TaskState.Ready or TaskState.Done or TaskState.Failed) => true,
                _ => false,
            };
            if (!legal)
            {
                throw new InvalidOperationException(
                    $"Task {this}: illegal change {_state} -> {value}."
                );
            }

            _state = value;
        }
    }

    public override string ToString() =>
        FormattableString.Invariant(
            $"task {Id} ({Node.Kind} #{Node.Id}{(Node.Name is null ? "" : $" '{Node.Name}'")}, partition {Partition} of {Math.Max(1, Node.PartitionCount)})"
        );

    /// <summary>Whether all files that this task can hand on are Parquet.</summary>
    public bool GivesParquet =>
        Node is Plan.SourceNode source
            ? source.Format.SupportsRowRanges
            : !Work.MetadataOnly || Producers.All(p => p.GivesParquet);

    private string BuildKey()
    {
        var key = new KeyBuilder()
            .Add("pond-1")
            .Add(Engine.DuckInstance.Version)
            .Add(Node.Kind)
            .Add(Node.Nonce)
            .Add(Partition);
        Work.AppendKey(key);
        foreach (var input in Inputs)
        {
            key.Add(input.Slots.Count).Add(input.Wrappers.Count);
            foreach (var slot in input.Slots)
            {
                key.Add(slot.Task.Key).Add(slot.Slot);
            }

            foreach (var wrapper in input.Wrappers)
            {
                key.Add(wrapper);
            }
        }

        return key.Build();
    }
}
