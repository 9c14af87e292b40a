// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Schedules;

namespace DeepInfra.DualPipe.Validation;

/// <summary>V4 and V6: messages come in pairs, in order, and are all committed.</summary>
internal sealed class MessageCheck(PipelineSchedule schedule, FindingList findings)
{
    private readonly MessageKeys _keys = new(schedule.StageCount, schedule.MicroBatchCount);
    private readonly End[] _sends = new End[2 * schedule.StageCount * schedule.MicroBatchCount];
    private readonly End[] _receives = new End[2 * schedule.StageCount * schedule.MicroBatchCount];

    public void Run()
    {
        for (var rank = 0; rank < schedule.RankCount; rank++)
        {
            CheckRank(rank);
        }

        for (var stage = 0; stage < schedule.StageCount; stage++)
        {
            for (var microBatch = 0; microBatch < schedule.MicroBatchCount; microBatch++)
            {
                if (stage > 0)
                {
                    CheckPair(_keys.Forward(stage, microBatch), stage - 1, stage, microBatch);
                }

                if (stage < schedule.StageCount - 1)
                {
                    CheckPair(_keys.Backward(stage, microBatch), stage + 1, stage, microBatch);
                }
            }
        }
    }

    private void CheckRank(int rank)
    {
        var last = new int[schedule.Placement.SlotCount * 4];
        Array.Fill(last, -1);
        var actions = schedule[rank].AsSpan();
        var pending = 0;
        for (var i = 0; i < actions.Length; i++)
        {
            ref readonly var action = ref actions[i];
            if (action.Kind == PipelineActionKind.Commit)
            {
                pending = 0;
            }
            else if (action.IsMessage)
            {
                pending++;
                Register(rank, i, action, last);
            }
        }

        if (pending > 0)
        {
            findings.Add(
                ValidationRule.PendingMessages,
                rank,
                actions.Length - 1,
                $"{pending} messages are never committed"
            );
        }
    }

    private void Register(int rank, int index, in PipelineAction action, int[] last)
    {
        var key = _keys.Of(action);
        if (key < 0)
        {
            findings.Add(
                ValidationRule.MessageMatching,
                rank,
                index,
                $"{action} crosses no boundary of the pipeline"
            );
            return;
        }

        if (action.Slot < schedule.Placement.SlotCount)
        {
            ref var previous = ref last[
                (action.Slot * 4) + (action.Kind - PipelineActionKind.ReceiveForward)
            ];
            if (action.MicroBatch <= previous)
            {
                findings.Add(
                    ValidationRule.MessageMatching,
                    rank,
                    index,
                    $"{action} follows micro-batch {previous} of the same slot and kind"
                );
            }

            previous = action.MicroBatch;
        }

        ref var end = ref (action.IsSend ? _sends : _receives)[key];
        end = new End(rank, index, action.Peer, end.Count + 1);
    }

    private void CheckPair(int key, int producer, int consumer, int microBatch)
    {
        var send = _sends[key];
        var receive = _receives[key];
        var from = schedule.Placement.RankOf(producer, microBatch);
        var to = schedule.Placement.RankOf(consumer, microBatch);
        var needed = from != to && !(schedule.ForwardOnly && producer > consumer) ? 1 : 0;
        var what = $"message from stage {producer} to stage {consumer}, micro-batch {microBatch}";
        if (send.Count != needed || receive.Count != needed)
        {
            findings.Add(
                ValidationRule.MessageMatching,
                send.Count != needed ? from : to,
                send.Count != needed ? send.Index : receive.Index,
                $"{what}: expected {needed} sends and receives, got {send.Count} sends and {receive.Count} receives"
            );
        }
        else if (
            needed == 1
            && (send.Rank != from || receive.Rank != to || send.Peer != to || receive.Peer != from)
        )
        {
            findings.Add(
                ValidationRule.MessageMatching,
                send.Peer != to ? send.Rank : receive.Rank,
                send.Peer != to ? send.Index : receive.Index,
                $"{what}: expected rank {from} to {to}, got a send by rank {send.Rank} to {send.Peer} and a receive by rank {receive.Rank} from {receive.Peer}"
            );
        }
    }

    private readonly record struct End(int Rank, int Index, int Peer, int Count);
}
