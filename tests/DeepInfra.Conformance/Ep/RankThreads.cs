// SPDX-License-Identifier: MIT
using DeepInfra.Ep;

namespace DeepInfra.Conformance.Ep;

/// <summary>Plays every rank of a group on a thread of its own.</summary>
public static class RankThreads
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(3);

    /// <summary>Runs the body once per rank and rethrows what ranks threw.</summary>
    public static void Run(ExpertParallelGroup[] groups, Action<ExpertParallelGroup> body)
    {
        var errors = RunAndCatch(groups, body).OfType<Exception>().ToList();
        if (errors.Count > 0)
            throw new AggregateException(errors);
    }

    /// <summary>Runs the body once per rank and returns what each rank threw, null for success.</summary>
    public static Exception?[] RunAndCatch(
        ExpertParallelGroup[] groups,
        Action<ExpertParallelGroup> body
    )
    {
        var errors = new Exception?[groups.Length];
        var threads = new Thread[groups.Length];
        for (var rank = 0; rank < groups.Length; rank++)
        {
            var group = groups[rank];
            threads[rank] = new Thread(() =>
            {
                try
                {
                    body(group);
                }
                catch (Exception e)
                {
                    errors[group.Rank] = e;
                    // Peers that wait for this rank fail now and not by timeout.
                    group.Dispose();
                }
            })
            {
                IsBackground = true,
            };
            threads[rank].Start();
        }
        foreach (var thread in threads)
            if (!thread.Join(s_limit))
                throw new TimeoutException("A rank hangs.");
        return errors;
    }
}
