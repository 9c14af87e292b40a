// SPDX-License-Identifier: MIT
using System.Collections.Immutable;

namespace DeepInfra.DualPipe.Schedules;

/// <summary>
/// Emits one rank of DualPipe or DualPipeV. The V schedule is the same construction with the virtual
/// sizes H = P, h = r and all micro-batches on both slots, so one generator serves both. Phases name
/// the two traffic directions seen from the rank: phase 0 enters from the nearer end.
/// Source: deepseek-ai/DualPipe and arXiv 2412.19437 section 3.2.1.
/// </summary>
internal sealed class DualPipeGenerator
{
    private readonly IStagePlacement _placement;
    private readonly int _rank;
    private readonly bool _vShape;
    private readonly bool _phaseIsOtherSlot;
    private readonly bool _middle;

    /// <summary>h: how many ranks lie between this one and the nearer end.</summary>
    private readonly int _depth;

    /// <summary>H - h - 1: how many ranks lie between this one and the middle.</summary>
    private readonly int _inner;

    /// <summary>Repetitions of the steady state (step 4).</summary>
    private readonly int _steady;
    private readonly int _slotStride;
    private readonly ActionListBuilder _list = new();
    private readonly Queue<(int Slot, int Index)> _weights = new();

    // Next micro-batch index per slot, one counter per kind of use.
    private readonly int[] _forward = new int[2];
    private readonly int[] _backward = new int[2];
    private readonly int[] _received = new int[2];
    private readonly int[] _sent = new int[2];
    private readonly int[] _gradientReceived = new int[2];
    private readonly int[] _gradientSent = new int[2];
    private int _step;

    private DualPipeGenerator(IStagePlacement placement, int microBatchCount, int rank, bool vShape)
    {
        var ranks = placement.RankCount;
        _placement = placement;
        _rank = rank;
        _vShape = vShape;
        _phaseIsOtherSlot = !vShape && rank >= ranks / 2;
        _depth = vShape ? rank : Math.Min(rank, ranks - 1 - rank);
        var half = vShape ? ranks : ranks / 2;
        var perSlot = vShape ? microBatchCount : microBatchCount / 2;
        _inner = half - _depth - 1;
        _middle = _inner == 0;
        _steady = perSlot - placement.StageCount + _depth + 1;
        _slotStride = vShape ? 0 : perSlot;
    }

    public static ImmutableArray<PipelineAction> Generate(
        IStagePlacement placement,
        int microBatchCount,
        int rank,
        bool vShape
    ) => new DualPipeGenerator(placement, microBatchCount, rank, vShape).Run();

    private ImmutableArray<PipelineAction> Run()
    {
        WarmUp();
        Steady();
        CoolDown();
        return _list.Finish();
    }

    private void WarmUp()
    {
        _step = 1;
        for (var i = 0; i < 2 * _inner; i++)
        {
            Forward(0);
        }

        _step = 2;
        ReceiveForward(0);
        for (var i = 0; i <= _depth; i++)
        {
            Forward(0, receive: false, send: _middle);

            // Prefetch; the last one is consumed by the first repetition of step 4.
            ReceiveForward(0);

            // The middle withholds its last phase-1 send until after the first forward of step 4: that
            // forward would otherwise wait for the peer's receive.
            Forward(1, send: !(_middle && i == _depth));
            if (!_middle)
            {
                SendForward(0);
            }
        }

        _step = 3;
        for (var i = 0; i < _inner; i++)
        {
            Backward(1, split: true);
            ReceiveForward(1);
            Weight();
            Forward(1, receive: false);
        }
    }

    private void Steady()
    {
        _step = 4;
        for (var i = 0; i < _steady; i++)
        {
            if (i > 0)
            {
                Overlap(0, 1);
            }
            else if (_middle)
            {
                // Running the first pair one after the other lets the neighbours start earlier.
                Forward(0, receive: false, send: false);
                SendForward(1);
                Backward(1, send: false);
                SendForward(0);
                SendBackward(1);
            }
            else
            {
                Overlap(0, 1, receive: false);
            }

            Overlap(1, 0);
        }
    }

    private void CoolDown()
    {
        _step = 5;
        for (var i = 0; i < _inner; i++)
        {
            Backward(1);
            Overlap(1, 0);
        }

        _step = 6;
        var split = false;
        var switchAt = (_depth + 1) / 2;
        for (var i = 0; i <= _depth; i++)
        {
            split |= i == switchAt && _depth % 2 == 1;
            Backward(1, split: split);
            split |= i == switchAt && _depth % 2 == 0;
            Backward(0, split: split);
        }

        _step = 7;
        for (var i = 0; i < _inner; i++)
        {
            Weight();
            Backward(0, split: true);
        }

        _step = 8;
        for (var i = 0; i <= _depth; i++)
        {
            Weight();
        }
    }

    private int SlotOf(int phase) => _phaseIsOtherSlot ? 1 - phase : phase;

    private int MicroBatch(int slot, int index) => (slot * _slotStride) + index;

    private void Forward(int phase, bool receive = true, bool send = true)
    {
        if (receive)
        {
            ReceiveForward(phase);
        }

        EmitCompute(PipelineActionKind.Forward, SlotOf(phase), _forward);
        if (send)
        {
            SendForward(phase);
        }
    }

    private void Backward(int phase, bool split = false, bool send = true)
    {
        var slot = SlotOf(phase);
        ReceiveBackward(phase);
        if (split)
        {
            _weights.Enqueue((slot, _backward[slot]));
        }

        EmitCompute(
            split ? PipelineActionKind.BackwardInput : PipelineActionKind.Backward,
            slot,
            _backward
        );
        if (send)
        {
            SendBackward(phase);
        }
    }

    private void Overlap(int forwardPhase, int backwardPhase, bool receive = true)
    {
        if (receive)
        {
            ReceiveForward(forwardPhase);
        }

        ReceiveBackward(backwardPhase);
        var slot = SlotOf(forwardPhase);
        var slot2 = SlotOf(backwardPhase);
        _list.Compute(
            PipelineAction.Overlap(
                slot,
                _placement.StageOf(_rank, slot),
                MicroBatch(slot, _forward[slot]++),
                slot2,
                _placement.StageOf(_rank, slot2),
                MicroBatch(slot2, _backward[slot2]++),
                _step
            )
        );
        SendForward(forwardPhase);
        SendBackward(backwardPhase);
    }

    private void Weight()
    {
        var (slot, index) = _weights.Dequeue();
        _list.Compute(
            PipelineAction.Compute(
                PipelineActionKind.BackwardWeight,
                slot,
                _placement.StageOf(_rank, slot),
                MicroBatch(slot, index),
                _step
            )
        );
    }

    private void EmitCompute(PipelineActionKind kind, int slot, int[] counter) =>
        _list.Compute(
            PipelineAction.Compute(
                kind,
                slot,
                _placement.StageOf(_rank, slot),
                MicroBatch(slot, counter[slot]++),
                _step
            )
        );

    private void ReceiveForward(int phase) =>
        Message(PipelineActionKind.ReceiveForward, phase, -1, _received);

    private void SendForward(int phase) => Message(PipelineActionKind.SendForward, phase, 1, _sent);

    private void ReceiveBackward(int phase) =>
        Message(PipelineActionKind.ReceiveBackward, phase, 1, _gradientReceived);

    private void SendBackward(int phase) =>
        Message(PipelineActionKind.SendBackward, phase, -1, _gradientSent);

    /// <summary>
    /// Adds a message to the neighbouring stage. Requests beyond the first or last stage, and the
    /// hand-off between the two stages of the last V rank, need no message and are skipped.
    /// </summary>
    private void Message(PipelineActionKind kind, int phase, int stageOffset, int[] counter)
    {
        var slot = SlotOf(phase);
        var stage = _placement.StageOf(_rank, slot);
        var other = stage + stageOffset;
        var index = counter[slot]++;
        if (other < 0 || other >= _placement.StageCount)
        {
            return;
        }

        var microBatch = MicroBatch(slot, index);
        var peer = _placement.RankOf(other, microBatch);
        if (_vShape && peer == _rank)
        {
            return;
        }

        _list.Message(PipelineAction.Message(kind, slot, stage, microBatch, peer, _step));
    }
}
