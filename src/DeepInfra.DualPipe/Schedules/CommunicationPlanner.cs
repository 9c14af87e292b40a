// SPDX-License-Identifier: MIT
using System.Collections.Immutable;
using DeepInfra.DualPipe.Simulation;

namespace DeepInfra.DualPipe.Schedules;

/// <summary>The run of one <see cref="CommunicationInserter.Insert"/>.</summary>
internal sealed class CommunicationPlanner
{
    private readonly PipelineSchedule _schedule;
    private readonly IStagePlacement _placement;
    private readonly MessageKeys _keys;
    private readonly RankState[] _ranks;

    /// <summary>Rank whose submitted commit contains the send (or the receive) of a message, else -1.</summary>
    private readonly short[] _sender;
    private readonly short[] _receiver;

    /// <summary>Receives that are already part of the rank's list.</summary>
    private readonly bool[] _posted;

    /// <summary>Compute results that exist: one flag per message key, set when the producer has run.</summary>
    private readonly bool[] _produced;

    /// <summary>When each message was sent, in the time of a run in which sends do not block.</summary>
    private readonly double[] _sentAt;
    private readonly CostModel _costs = new();
    private readonly Queue<int> _ready = new();

    public CommunicationPlanner(PipelineSchedule schedule)
    {
        _schedule = schedule;
        _placement = schedule.Placement;
        _keys = new MessageKeys(schedule.StageCount, schedule.MicroBatchCount);
        _ranks = [.. Enumerable.Range(0, schedule.RankCount).Select(_ => new RankState())];
        _sender = new short[_keys.Count];
        _receiver = new short[_keys.Count];
        Array.Fill(_sender, (short)-1);
        Array.Fill(_receiver, (short)-1);
        _posted = new bool[_keys.Count];
        _produced = new bool[_keys.Count];
        _sentAt = new double[_keys.Count];
    }

    public ImmutableArray<PipelineAction>[] Run()
    {
        for (var rank = 0; rank < _ranks.Length; rank++)
        {
            _ready.Enqueue(rank);
        }

        do
        {
            while (_ready.TryDequeue(out var rank))
            {
                Advance(rank);
            }
        } while (HoistReceive());

        for (var rank = 0; rank < _ranks.Length; rank++)
        {
            if (!_ranks[rank].Done)
            {
                var next = _schedule[rank][_ranks[rank].Position];
                throw new PipelineScheduleException(
                    $"rank {rank} cannot run {next}: its input is never produced before it is needed"
                );
            }
        }

        return [.. _ranks.Select(r => r.Output.ToImmutableArray())];
    }

    private void Advance(int rank)
    {
        var state = _ranks[rank];
        var actions = _schedule[rank];
        while (!state.Blocked)
        {
            if (state.Position == actions.Length)
            {
                if (state.Pending.Count > 0)
                {
                    Submit(rank);
                    continue;
                }

                state.Done = true;
                return;
            }

            var action = actions[state.Position];
            PostReceives(rank, action);
            if (state.Pending.Count > 0)
            {
                Submit(rank);
                continue;
            }

            state.Output.Add(action);
            state.Position++;
            state.Clock += _costs.DurationOf(action);
            PostSends(rank, action);
        }
    }

    private void PostReceives(int rank, in PipelineAction action)
    {
        if (action.HasForward)
        {
            Receive(rank, PipelineActionKind.ReceiveForward, action.Slot, action.Stage, -1, action);
        }

        if (action.Kind is PipelineActionKind.Backward or PipelineActionKind.BackwardInput)
        {
            Receive(rank, PipelineActionKind.ReceiveBackward, action.Slot, action.Stage, 1, action);
        }
        else if (action.Kind == PipelineActionKind.ForwardBackward)
        {
            var second = action with
            {
                Slot = action.Slot2,
                Stage = action.Stage2,
                MicroBatch = action.MicroBatch2,
            };
            Receive(
                rank,
                PipelineActionKind.ReceiveBackward,
                action.Slot2,
                action.Stage2,
                1,
                second
            );
        }
    }

    private void Receive(
        int rank,
        PipelineActionKind kind,
        int slot,
        int stage,
        int producerOffset,
        in PipelineAction action
    )
    {
        var producer = stage + producerOffset;
        if (producer < 0 || producer >= _schedule.StageCount)
        {
            return;
        }

        var peer = _placement.RankOf(producer, action.MicroBatch);
        var receive = PipelineAction.Message(kind, slot, stage, action.MicroBatch, peer);
        var key = _keys.Of(receive);
        if (peer == rank)
        {
            if (!_produced[key])
            {
                throw new PipelineScheduleException(
                    $"rank {rank} runs {action} before its own stage {producer} has produced the input"
                );
            }
        }
        else if (!_posted[key])
        {
            _posted[key] = true;
            _ranks[rank].Pending.Add(receive);
            _ranks[rank].Output.Add(receive);
        }
    }

    private void PostSends(int rank, in PipelineAction action)
    {
        if (action.HasForward)
        {
            Send(
                rank,
                PipelineActionKind.SendForward,
                action.Slot,
                action.Stage,
                action.MicroBatch
            );
        }

        if (action.Kind is PipelineActionKind.Backward or PipelineActionKind.BackwardInput)
        {
            Send(
                rank,
                PipelineActionKind.SendBackward,
                action.Slot,
                action.Stage,
                action.MicroBatch
            );
        }
        else if (action.Kind == PipelineActionKind.ForwardBackward)
        {
            Send(
                rank,
                PipelineActionKind.SendBackward,
                action.Slot2,
                action.Stage2,
                action.MicroBatch2
            );
        }
    }

    private void Send(int rank, PipelineActionKind kind, int slot, int stage, int microBatch)
    {
        var consumer = kind == PipelineActionKind.SendForward ? stage + 1 : stage - 1;
        if (
            consumer < 0
            || consumer >= _schedule.StageCount
            || (kind == PipelineActionKind.SendBackward && _schedule.ForwardOnly)
        )
        {
            return;
        }

        var peer = _placement.RankOf(consumer, microBatch);
        var send = PipelineAction.Message(kind, slot, stage, microBatch, peer);
        var key = _keys.Of(send);
        _produced[key] = true;
        if (peer != rank)
        {
            _sentAt[key] = _ranks[rank].Clock;
            _ranks[rank].Pending.Add(send);
            _ranks[rank].Output.Add(send);
        }
    }

    /// <summary>Submits a rank's pending messages as one commit and completes every commit this satisfies.</summary>
    private void Submit(int rank)
    {
        var state = _ranks[rank];
        state.CommitIndex = state.Output.Count;
        state.Output.Add(PipelineAction.Commit());
        state.Blocked = true;
        state.IsStale = true;
        foreach (var action in state.Pending)
        {
            Register(rank, action);
        }

        CompleteIfMatched(rank);
    }

    private void Register(int rank, in PipelineAction action)
    {
        var key = _keys.Of(action);
        var (mine, theirs) = action.IsSend ? (_sender, _receiver) : (_receiver, _sender);
        mine[key] = (short)rank;
        if (theirs[key] >= 0)
        {
            _ranks[theirs[key]].Unmatched--;
            CompleteIfMatched(theirs[key]);
        }
        else
        {
            _ranks[rank].Unmatched++;
            if (action.IsSend && !_posted[key])
            {
                _ranks[action.Peer].Incoming.Add((action, rank));
                _ranks[action.Peer].IsStale = true;
            }
        }
    }

    private void CompleteIfMatched(int rank)
    {
        var state = _ranks[rank];
        if (state is { Blocked: true, Unmatched: 0 })
        {
            state.Blocked = false;
            foreach (var action in state.Pending)
            {
                if (action.IsReceive)
                {
                    state.Clock = Math.Max(state.Clock, _sentAt[_keys.Of(action)]);
                }
            }

            state.Pending.Clear();
            _ready.Enqueue(rank);
        }
    }

    /// <summary>
    /// Nobody can move: gives one blocked send its receive, namely the one whose message keeps its
    /// receiver waiting least in a run without blocking sends.
    /// </summary>
    private bool HoistReceive()
    {
        RankState? best = null;
        foreach (var state in _ranks)
        {
            if (state.IsStale)
            {
                FindCandidate(state);
            }

            if (state.Blocked && state.CandidateDelay < (best?.CandidateDelay ?? double.MaxValue))
            {
                best = state;
            }
        }

        if (best is null)
        {
            return false;
        }

        Hoist(best.Candidate.Send, best.Candidate.Sender);
        return true;
    }

    /// <summary>Among the blocked sends to a rank, the one that was sent first.</summary>
    private void FindCandidate(RankState state)
    {
        state.IsStale = false;
        state.CandidateDelay = double.PositiveInfinity;
        state.Incoming.RemoveAll(i => _posted[_keys.Of(i.Send)]);
        foreach (var incoming in state.Incoming)
        {
            var delay = _sentAt[_keys.Of(incoming.Send)] - state.Clock;
            if (delay < state.CandidateDelay)
            {
                state.Candidate = incoming;
                state.CandidateDelay = delay;
            }
        }
    }

    private void Hoist(in PipelineAction send, int rank)
    {
        var forward = send.Kind == PipelineActionKind.SendForward;
        var stage = send.Stage + (forward ? 1 : -1);
        var receive = PipelineAction.Message(
            forward ? PipelineActionKind.ReceiveForward : PipelineActionKind.ReceiveBackward,
            _placement.SlotOf(send.Peer, stage, send.MicroBatch),
            stage,
            send.MicroBatch,
            rank
        );
        var peer = _ranks[send.Peer];
        _posted[_keys.Of(receive)] = true;
        peer.IsStale = true;
        peer.Pending.Add(receive);
        peer.Output.Insert(peer.CommitIndex++, receive);
        Register(send.Peer, receive);
    }

    private sealed class RankState
    {
        public List<PipelineAction> Output { get; } = [];

        public List<PipelineAction> Pending { get; } = [];

        /// <summary>Submitted sends to this rank whose receive it has not posted.</summary>
        public List<(PipelineAction Send, int Sender)> Incoming { get; } = [];

        /// <summary>The best of <see cref="Incoming"/>, unless <see cref="IsStale"/>.</summary>
        public (PipelineAction Send, int Sender) Candidate { get; set; }

        public double CandidateDelay { get; set; } = double.PositiveInfinity;

        public bool IsStale { get; set; }

        public int Position { get; set; }

        public int CommitIndex { get; set; }

        public int Unmatched { get; set; }

        public double Clock { get; set; }

        public bool Blocked { get; set; }

        public bool Done { get; set; }
    }
}
