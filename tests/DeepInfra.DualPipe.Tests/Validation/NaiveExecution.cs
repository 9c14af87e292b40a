// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Schedules;

namespace DeepInfra.DualPipe.Tests.Validation;

/// <summary>
/// An independent, slow execution of a schedule's communication: repeats passes over all ranks until
/// nothing changes.
/// </summary>
internal static class NaiveExecution
{
    public static bool Finishes(PipelineSchedule schedule, bool eager)
    {
        var ranks = schedule.RankCount;
        var position = new int[ranks];
        var submitted =
            new HashSet<(bool Send, PipelineActionKind Kind, int Consumer, int MicroBatch)>();
        var batches = new List<PipelineAction>[ranks];
        for (var r = 0; r < ranks; r++)
        {
            batches[r] = [];
        }

        bool changed;
        do
        {
            changed = false;
            for (var r = 0; r < ranks; r++)
            {
                while (position[r] < schedule[r].Length)
                {
                    var action = schedule[r][position[r]];
                    if (action.Kind == PipelineActionKind.Commit)
                    {
                        foreach (var message in batches[r])
                        {
                            changed |= submitted.Add(Key(message, message.IsSend));
                        }

                        if (!batches[r].TrueForAll(m => Done(m)))
                        {
                            break;
                        }

                        batches[r].Clear();
                    }
                    else if (eager && action.IsSend)
                    {
                        submitted.Add(Key(action, true));
                    }
                    else if (action.IsMessage)
                    {
                        batches[r].Add(action);
                    }

                    position[r]++;
                    changed = true;
                }
            }
        } while (changed);

        return Enumerable.Range(0, ranks).All(r => position[r] == schedule[r].Length);

        bool Done(PipelineAction message) =>
            eager
                ? submitted.Contains(Key(message, true))
                : submitted.Contains(Key(message, !message.IsSend));
    }

    private static (bool, PipelineActionKind, int, int) Key(PipelineAction action, bool send) =>
        action.Kind switch
        {
            PipelineActionKind.SendForward => (
                send,
                PipelineActionKind.ReceiveForward,
                action.Stage + 1,
                action.MicroBatch
            ),
            PipelineActionKind.SendBackward => (
                send,
                PipelineActionKind.ReceiveBackward,
                action.Stage - 1,
                action.MicroBatch
            ),
            _ => (send, action.Kind, action.Stage, action.MicroBatch),
        };
}
