// SPDX-License-Identifier: MIT
using System.Collections.Immutable;
using DeepInfra.DualPipe.Schedules;

namespace DeepInfra.DualPipe.Simulation;

/// <summary>
/// Runs all ranks of a schedule in model time. Ranks only interact at commits, so each rank runs until a
/// commit blocks it and is resumed when its last missing message is matched; the order in which ranks are
/// resumed does not change any time. Malformed schedules are tolerated: they get stuck.
/// </summary>
internal sealed class ScheduleMachine
{
    private readonly PipelineSchedule _schedule;
    private readonly CostModel _costs;
    private readonly bool _eager;
    private readonly double _transfer;
    private readonly MessageKeys _keys;
    private readonly Rank[] _ranks;

    // Per message: when it was sent (eager) or its two ends were submitted (rendezvous), and by whom.
    private readonly double[] _sendTime;
    private readonly Cause[] _sendCause;
    private readonly short[] _sender;
    private readonly double[] _receiveTime;
    private readonly Cause[] _receiveCause;
    private readonly short[] _receiver;
    private readonly Queue<int> _ready = new();
    private readonly bool _record;

    public ScheduleMachine(PipelineSchedule schedule, CostModel costs, bool record)
    {
        _schedule = schedule;
        _costs = costs;
        _eager = costs.Transport == TransportModel.Eager;
        _transfer = costs.TransferTime;
        _record = record;
        _keys = new MessageKeys(schedule.StageCount, schedule.MicroBatchCount);
        _sendTime = new double[_keys.Count];
        _sendCause = new Cause[_keys.Count];
        _sender = new short[_keys.Count];
        _receiveTime = new double[_keys.Count];
        _receiveCause = new Cause[_keys.Count];
        _receiver = new short[_keys.Count];
        Array.Fill(_sender, (short)-1);
        Array.Fill(_receiver, (short)-1);
        _ranks = new Rank[schedule.RankCount];
        for (var i = 0; i < _ranks.Length; i++)
        {
            _ranks[i] = new Rank(record ? schedule[i].Length : 0);
        }
    }

    /// <returns>True when every rank finished, false on deadlock.</returns>
    public bool Run()
    {
        for (var i = 0; i < _ranks.Length; i++)
        {
            _ready.Enqueue(i);
        }

        while (_ready.TryDequeue(out var rank))
        {
            Advance(rank);
        }

        return Array.TrueForAll(_ranks, r => !r.Blocked);
    }

    public ImmutableArray<TimelineEntry> Entries()
    {
        var entries = ImmutableArray.CreateBuilder<TimelineEntry>();
        for (var rank = 0; rank < _ranks.Length; rank++)
        {
            foreach (var node in _ranks[rank].Nodes)
            {
                entries.Add(ToEntry(rank, node));
            }
        }

        return entries.DrainToImmutable();
    }

    public ImmutableArray<TimelineEntry> CriticalPath()
    {
        var at = new Cause(-1, -1);
        var end = double.NegativeInfinity;
        for (var rank = 0; rank < _ranks.Length; rank++)
        {
            for (var i = 0; i < _ranks[rank].Nodes.Count; i++)
            {
                var node = _ranks[rank].Nodes[i];
                if (node.IsCompute && node.End > end)
                {
                    end = node.End;
                    at = new Cause((short)rank, i);
                }
            }
        }

        var path = new List<TimelineEntry>();
        while (at.Rank >= 0)
        {
            var node = _ranks[at.Rank].Nodes[at.Node];
            path.Add(ToEntry(at.Rank, node));
            at = node.Cause;
        }

        path.Reverse();
        return [.. path];
    }

    /// <summary>After a deadlock: follows one missing message per rank until a rank repeats or has finished.</summary>
    public ImmutableArray<RankWait> FindWaits()
    {
        var start = Array.FindIndex(_ranks, r => r.Blocked);
        var order = new List<RankWait>();
        var seen = new Dictionary<int, int>();
        var rank = start;
        while (rank >= 0 && _ranks[rank].Blocked && !seen.ContainsKey(rank))
        {
            seen.Add(rank, order.Count);
            var wait = MissingMessage(rank);
            order.Add(wait);
            rank = wait.Peer;
        }

        return seen.TryGetValue(rank, out var first) ? [.. order.Skip(first)] : [.. order];
    }

    private RankWait MissingMessage(int rank)
    {
        foreach (var index in _ranks[rank].Batch)
        {
            var action = _schedule[rank][index];
            var key = _keys.Of(action);
            var missing =
                key < 0 || (action.IsReceive ? _sender[key] < 0 : !_eager && _receiver[key] < 0);
            if (missing)
            {
                return new RankWait(rank, _ranks[rank].Position, action, action.Peer);
            }
        }

        throw new InvalidOperationException("a blocked rank waits for nothing");
    }

    private void Advance(int index)
    {
        var rank = _ranks[index];
        var actions = _schedule[index].AsSpan();
        while (!rank.Blocked && rank.Position < actions.Length)
        {
            ref readonly var action = ref actions[rank.Position];
            if (action.IsCompute)
            {
                RunCompute(index, rank, action);
            }
            else if (action.Kind == PipelineActionKind.Commit)
            {
                Submit(index, rank, actions);
                if (rank.Blocked)
                {
                    return;
                }
            }
            else if (_eager && action.IsSend)
            {
                SendEager(index, rank, action);
            }
            else
            {
                rank.Batch.Add(rank.Position);
            }

            rank.Position++;
        }
    }

    private void RunCompute(int index, Rank rank, in PipelineAction action)
    {
        var start = rank.Clock;
        rank.Clock = start + _costs.DurationOf(action);
        if (_record)
        {
            rank.Nodes.Add(new Node(rank.Position, true, start, rank.Clock, rank.Cause));
            rank.Cause = new Cause((short)index, rank.Nodes.Count - 1);
        }
    }

    private void SendEager(int index, Rank rank, in PipelineAction action)
    {
        var key = _keys.Of(action);
        if (key < 0 || _sender[key] >= 0)
        {
            return;
        }

        _sender[key] = (short)index;
        _sendTime[key] = rank.Clock;
        _sendCause[key] = rank.Cause;
        if (_receiver[key] >= 0)
        {
            Match(_receiver[key], rank.Clock + _transfer, rank.Cause);
        }
    }

    private void Submit(int index, Rank rank, ReadOnlySpan<PipelineAction> actions)
    {
        rank.Blocked = true;
        rank.Submitted = rank.Clock;
        rank.Arrival = double.NegativeInfinity;
        foreach (var position in rank.Batch)
        {
            var action = actions[position];
            var key = _keys.Of(action);
            rank.Missing++;
            if (key < 0)
            {
                continue;
            }

            if (_eager)
            {
                _receiver[key] = (short)index;
                if (_sender[key] >= 0)
                {
                    Note(rank, _sendTime[key] + _transfer, _sendCause[key]);
                }
            }
            else
            {
                SubmitRendezvous(index, rank, action, key);
            }
        }

        if (rank.Missing == 0)
        {
            Complete(rank);
        }
    }

    private void SubmitRendezvous(int index, Rank rank, in PipelineAction action, int key)
    {
        var (mine, myTime, myCause) = action.IsSend
            ? (_sender, _sendTime, _sendCause)
            : (_receiver, _receiveTime, _receiveCause);
        var (theirs, theirTime, theirCause) = action.IsSend
            ? (_receiver, _receiveTime, _receiveCause)
            : (_sender, _sendTime, _sendCause);
        if (mine[key] >= 0)
        {
            // A second send or receive of the same message never completes.
            return;
        }

        mine[key] = (short)index;
        myTime[key] = rank.Clock;
        myCause[key] = rank.Cause;
        if (theirs[key] >= 0)
        {
            var later = rank.Clock >= theirTime[key];
            var time = (later ? rank.Clock : theirTime[key]) + _transfer;
            var cause = later ? rank.Cause : theirCause[key];
            Note(rank, time, cause);
            Match(theirs[key], time, cause);
        }
    }

    /// <summary>One of a waiting rank's messages is matched.</summary>
    private void Match(int index, double time, Cause cause)
    {
        var rank = _ranks[index];
        Note(rank, time, cause);
        if (rank is { Missing: 0, Blocked: true })
        {
            Complete(rank);
            rank.Position++;
            _ready.Enqueue(index);
        }
    }

    private static void Note(Rank rank, double time, Cause cause)
    {
        rank.Missing--;
        if (time > rank.Arrival)
        {
            rank.Arrival = time;
            rank.ArrivalCause = cause;
        }
    }

    private void Complete(Rank rank)
    {
        var end = rank.Submitted;
        if (rank.Arrival > end)
        {
            end = rank.Arrival;
            rank.Cause = rank.ArrivalCause;
        }

        end += _costs.CommitOverhead;
        if (_record && end > rank.Submitted)
        {
            rank.Nodes.Add(new Node(rank.Position, false, rank.Submitted, end, default));
        }

        rank.Clock = end;
        rank.Blocked = false;
        rank.Batch.Clear();
    }

    private TimelineEntry ToEntry(int rank, in Node node) =>
        new(rank, node.Action, _schedule[rank][node.Action], node.Start, node.End);

    /// <summary>The compute node that determined a time; rank -1 = the start of the step.</summary>
    private readonly record struct Cause(short Rank, int Node);

    private readonly record struct Node(
        int Action,
        bool IsCompute,
        double Start,
        double End,
        Cause Cause
    );

    private sealed class Rank(int nodeCapacity)
    {
        public readonly List<Node> Nodes = new(nodeCapacity);
        public readonly List<int> Batch = [];
        public int Position;
        public int Missing;
        public bool Blocked;
        public double Clock;
        public double Submitted;
        public double Arrival;
        public Cause Cause = new(-1, -1);
        public Cause ArrivalCause;
    }
}
