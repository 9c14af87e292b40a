// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Threading.Channels;
using Apache.Arrow;
using DeepInfra.Pond.Engine;
using DeepInfra.Pond.Execution;
using DeepInfra.Pond.Plan;
using DeepInfra.Pond.Storage;

namespace DeepInfra.Pond;

public sealed partial class PondSession
{
    /// <summary>Computes frames and keeps their results until the session ends.</summary>
    internal async Task<IReadOnlyList<IReadOnlyList<FileSet>>[]> ComputeAsync(
        IReadOnlyList<PlanNode> nodes,
        string action,
        CancellationToken cancellationToken
    )
    {
        using var linked = Link(cancellationToken);
        var plan = await PlanAsync(nodes, action, linked.Token).ConfigureAwait(false);
        foreach (var task in plan.Owners)
        {
            task.Retain = true;
            Runtime.Retain(task.Key);
        }

        await RunAsync(plan, action, linked.Token, cancellationToken).ConfigureAwait(false);
        foreach (var node in nodes)
        {
            node.Retained = true;
        }

        return plan
            .Roots.Select(parts =>
                (IReadOnlyList<IReadOnlyList<FileSet>>)parts.Select(p => p.Sets).ToArray()
            )
            .ToArray();
    }

    internal async Task<PondWriteResult> WriteAsync(
        PlanNode node,
        string path,
        WriteMode mode,
        OutputFormat format,
        CancellationToken cancellationToken
    )
    {
        using var linked = Link(cancellationToken);
        var target = PondPath.Parse(path, Options.Mounts);
        var action = $"write {format.Extension.TrimStart('.')} {target.Display}";
        var sink = new SinkNode(this, node, format);
        var plan = await PlanAsync([sink], action, linked.Token).ConfigureAwait(false);
        var key = new KeyBuilder()
            .Add("write")
            .Add(target.Display)
            .Add(format.Extension)
            .Add(format.CopyOptions);
        foreach (var slot in plan.Roots[0].SelectMany(p => p.Slots))
        {
            key.Add(slot.Task.Key).Add(slot.Slot);
        }

        var publisher = new OutputPublisher(Runtime, target, mode, key.Build());
        try
        {
            if (await publisher.PrepareAsync(linked.Token).ConfigureAwait(false) is { } finished)
            {
                Runtime.Statistics.Restore(finished.Commit, plan.Tasks);
                return Result(target, finished.Manifest, reused: true);
            }

            foreach (var task in plan.Owners)
            {
                task.Retain = true;
            }

            await RunAsync(plan, action, linked.Token, cancellationToken).ConfigureAwait(false);
            var parts = plan.Roots[0];
            var schema =
                parts
                    .SelectMany(p => p.Sets)
                    .Select(s => s.Schema)
                    .FirstOrDefault(s => s is not null)
                ?? Schemas.Of(node);
            var manifest = await publisher
                .PublishAsync(
                    parts
                        .Select(p =>
                            (IReadOnlyList<DataFile>)p.Sets.SelectMany(s => s.Files).ToArray()
                        )
                        .ToArray(),
                    format,
                    schema,
                    Runtime.Statistics.Measured(plan.Tasks),
                    linked.Token
                )
                .ConfigureAwait(false);
            foreach (var task in plan.Owners)
            {
                if (Runtime.ReleaseFiles(task) is { } directory)
                {
                    DirectoryTools.TryDelete(directory);
                }
            }

            return Result(target, manifest, reused: false);
        }
        catch (OperationCanceledException e) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(e.Message, e, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            throw;
        }
        catch
        {
            Runtime.Directory.Failed = true;
            throw;
        }
    }

    /// <summary>Streams the rows of computed partitions in order.</summary>
    internal async IAsyncEnumerable<RecordBatch> ReadBatchesAsync(
        IReadOnlyList<IReadOnlyList<FileSet>> partitions,
        long limit,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        using var linked = Link(cancellationToken);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(linked.Token);
        var channel = Channel.CreateBounded<RecordBatch>(8);
        var reader = Dedicated(() => ReadInto(channel.Writer, partitions, limit, stop.Token));
        try
        {
            await foreach (
                var batch in channel.Reader.ReadAllAsync(linked.Token).ConfigureAwait(false)
            )
            {
                yield return batch;
            }
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            try
            {
                await reader.ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                // The caller has stopped reading.
            }
        }
    }

    /// <summary>Rows of Parquet files, from their footers where they are not known yet.</summary>
    internal Task<long> CountRowsAsync(
        IEnumerable<FileSet> sets,
        CancellationToken cancellationToken
    ) =>
        Dedicated(() =>
            Schemas.WithDuck(duck =>
            {
                var sum = 0L;
                foreach (var set in sets)
                {
                    foreach (var file in set.Files)
                    {
                        sum +=
                            file.Rows >= 0
                                ? file.Rows
                                : CountFile(duck, set, file, cancellationToken);
                    }
                }

                return sum;
            })
        );

    /// <summary>Resolves the files of all sources below some nodes.</summary>
    internal async Task ResolveAsync(
        IEnumerable<PlanNode> roots,
        CancellationToken cancellationToken
    )
    {
        var seen = new HashSet<PlanNode>();
        var stack = new Stack<PlanNode>(roots);
        while (stack.TryPop(out var node))
        {
            if (!seen.Add(node))
            {
                continue;
            }

            if (node is SourceNode source)
            {
                await source.ResolveAsync(Runtime, cancellationToken).ConfigureAwait(false);
            }

            foreach (var input in node.Inputs)
            {
                stack.Push(input);
            }
        }
    }

    internal static Task<T> Dedicated<T>(Func<T> body) =>
        Task.Factory.StartNew(
            body,
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default
        );

    private async Task<ActionPlan> PlanAsync(
        IReadOnlyList<PlanNode> nodes,
        string action,
        CancellationToken cancellationToken
    )
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        await ResolveAsync(nodes, cancellationToken).ConfigureAwait(false);
        return await Dedicated(() =>
            {
                var planner = new Planner(Runtime, Schemas);
                foreach (var node in nodes)
                {
                    planner.Visit(node);
                }

                var roots = nodes.Select(n => planner.Input(n, InlineMode.None)).ToArray();
                return new ActionPlan(roots, planner.SideTasks);
            })
            .ConfigureAwait(false);
    }

    private async Task RunAsync(
        ActionPlan plan,
        string action,
        CancellationToken cancellationToken,
        CancellationToken callerToken
    )
    {
        var tasks = await Dedicated(() => plan.Load(Runtime)).ConfigureAwait(false);
        WritePlan(plan, action, tasks.Count);
        using var run = new JobRun(action, tasks, cancellationToken);
        try
        {
            await Runtime.Scheduler.RunAsync(run).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (callerToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(callerToken);
        }
        catch (OperationCanceledException)
        {
            throw;
        }
        catch
        {
            Runtime.Directory.Failed = true;
            throw;
        }
        finally
        {
            plan.Unhold(Runtime);
        }
    }

    private void WritePlan(ActionPlan plan, string action, int tasks)
    {
        var nodes = new SortedDictionary<int, PlanNode>();
        var stack = new Stack<PlanNode>(plan.Tasks.Select(t => t.Node));
        while (stack.TryPop(out var node))
        {
            if (nodes.TryAdd(node.Id, node))
            {
                foreach (var input in node.Inputs)
                {
                    stack.Push(input);
                }
            }
        }

        var document = new PlanDocument
        {
            Job = JobId,
            Name = Options.JobName,
            CreatedUtc = Runtime.Now,
            Engine = DuckInstance.Version,
            Seed = RandomSeed,
            Action = action,
            Tasks = tasks,
            Nodes = nodes
                .Values.Select(n => new PlanDocumentNode
                {
                    Id = n.Id,
                    Kind = n.Kind,
                    Name = n.Name,
                    Text = n.Describe(),
                    Inputs = n.Inputs.Select(i => i.Id).ToList(),
                    Partitions = n.PartitionCount,
                    Source = n.SourceLocation,
                })
                .ToList(),
        };
        var path = Path.Combine(JobDirectory, "plan.json");
        // Actions that run at once replace the file whole, one after the other.
        var temporary = Path.Combine(JobDirectory, $"plan-{Guid.NewGuid():N}.tmp");
        File.WriteAllBytes(
            temporary,
            JsonSerializer.SerializeToUtf8Bytes(document, PondJson.Default.PlanDocument)
        );
        File.Move(temporary, path, overwrite: true);
    }

    private bool ReadInto(
        ChannelWriter<RecordBatch> writer,
        IReadOnlyList<IReadOnlyList<FileSet>> partitions,
        long limit,
        CancellationToken cancellationToken
    )
    {
        Exception? error = null;
        var leases = new List<string>();
        try
        {
            Schemas.WithDuck(
                Runtime.MemoryBudget,
                duck =>
                {
                    duck.PreserveOrder(true);
                    foreach (var partition in partitions)
                    {
                        if (limit <= 0)
                        {
                            break;
                        }

                        InputChecks.VerifyUnchanged(Runtime, partition);
                        var relation = FileSet.Relation(
                            partition,
                            (set, file) => Stage(set, file, leases, cancellationToken)
                        );
                        using var query = duck.OpenArrow(relation, cancellationToken);
                        while (limit > 0 && query.Next() is { } batch)
                        {
                            var part = batch;
                            if (batch.Length > limit)
                            {
                                part = batch.SliceShared(0, (int)limit);
                            }

                            limit -= part.Length;
                            if (!writer.TryWrite(part))
                            {
                                writer
                                    .WriteAsync(part, cancellationToken)
                                    .AsTask()
                                    .GetAwaiter()
                                    .GetResult();
                            }
                        }

                        InputChecks.VerifyUnchanged(Runtime, partition);
                    }

                    return true;
                }
            );
        }
        catch (PondTaskException e) when (!cancellationToken.IsCancellationRequested)
        {
            error = NameBadFile(e, partitions, leases, cancellationToken);
        }
        catch (Exception e)
        {
            error = e;
        }
        finally
        {
            leases.ForEach(Runtime.Stager.Release);
            writer.TryComplete(error);
        }

        return true;
    }

    private Exception NameBadFile(
        PondTaskException error,
        IReadOnlyList<IReadOnlyList<FileSet>> partitions,
        List<string> leases,
        CancellationToken cancellationToken
    )
    {
        try
        {
            return InputChecks.Blame(
                    Runtime,
                    error,
                    partitions.SelectMany(p => p).SelectMany(s => s.Files.Select(f => (s, f))),
                    (set, file) => Stage(set, file, leases, cancellationToken),
                    query => Schemas.WithDuck(duck => duck.Query(query, cancellationToken)),
                    cancellationToken
                ) ?? error;
        }
        catch (Exception e)
        {
            return e;
        }
    }

    private string Stage(
        FileSet set,
        DataFile file,
        List<string> leases,
        CancellationToken cancellationToken
    )
    {
        var path = Runtime.Stager.LocalPath(set, file, cancellationToken, out var lease);
        if (lease is not null)
        {
            leases.Add(lease);
        }

        return path;
    }

    private long CountFile(
        DuckInstance duck,
        FileSet set,
        DataFile file,
        CancellationToken cancellationToken
    )
    {
        var leases = new List<string>();
        try
        {
            return RowCounts.Count(
                duck,
                Stage(set, file, leases, cancellationToken),
                file.Path,
                cancellationToken
            );
        }
        finally
        {
            leases.ForEach(Runtime.Stager.Release);
        }
    }

    private CancellationTokenSource Link(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        return CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _closing.Token);
    }

    private static PondWriteResult Result(PondPath target, OutputManifest manifest, bool reused) =>
        new(
            target.Display,
            manifest.Files.ConvertAll(f => new PondFile(f.Name, f.Rows, f.Bytes)),
            manifest.Rows,
            manifest.Bytes,
            reused
        );
}
