// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond.Execution;

/// <summary>Measures stored rows and passes the files on.</summary>
internal sealed class ObserveWork(IReadOnlyList<KeyValuePair<string, string>> observations)
    : TaskWork
{
    public override bool Measures => true;

    public override void AppendKey(KeyBuilder key)
    {
        key.Add("observe");
        foreach (var (name, expression) in observations)
        {
            key.Add(name).Add(expression);
        }
    }

    public override TaskOutput Run(TaskContext context) =>
        context.WithDuck(duck => new TaskOutput
        {
            Slots = [],
            Observations = SqlWork.Observe(
                duck,
                context.CreateView(duck, 0),
                observations,
                context.Cancellation
            ),
        });
}
