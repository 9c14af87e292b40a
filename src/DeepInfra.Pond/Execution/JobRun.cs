// SPDX-License-Identifier: MIT
using System.Diagnostics;

namespace DeepInfra.Pond.Execution;

/// <summary>The tasks of one action and how far they are. Fields are guarded by the scheduler's lock.</summary>
internal sealed class JobRun : IDisposable
{
    private readonly CancellationToken _caller;
    private readonly CancellationTokenSource _stop;

    public JobRun(string action, IReadOnlyList<PondTask> tasks, CancellationToken cancellation)
    {
        Action = action;
        Tasks = tasks;
        _caller = cancellation;
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Remaining = tasks.Count;
    }

    public string Action { get; }

    public IReadOnlyList<PondTask> Tasks { get; }

    public CancellationToken Stop => _stop.Token;

    public TaskCompletionSource Completion { get; } =
        new(TaskCreationOptions.RunContinuationsAsynchronously);

    public long Started { get; } = Stopwatch.GetTimestamp();

    public List<PondTaskException> Errors { get; } = [];

    public Exception? Fatal { get; set; }

    public int Remaining { get; set; }

    public int Running { get; set; }

    public int Waiting { get; set; }

    public int Done { get; set; }

    public int Reused { get; set; }

    public int Retries { get; set; }

    public long RowsOut { get; set; }

    public long BytesOut { get; set; }

    public string? LastStage { get; set; }

    public bool Stopping { get; private set; }

    public CancellationToken Caller => _caller;

    public void RequestStop()
    {
        Stopping = true;
        // Cancelling inline would run DuckDB interrupts under the scheduler's lock.
        _ = Task.Run(() =>
        {
            try
            {
                _stop.Cancel();
            }
            catch (ObjectDisposedException)
            {
                // The run ended on its own in the meantime.
            }
        });
    }

    public PondProgress Snapshot() =>
        new(
            Action,
            Tasks.Count,
            Done,
            Reused,
            Running,
            Retries,
            RowsOut,
            BytesOut,
            LastStage,
            Stopwatch.GetElapsedTime(Started)
        );

    public void Dispose() => _stop.Dispose();
}
