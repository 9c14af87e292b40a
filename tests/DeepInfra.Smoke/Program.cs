// SPDX-License-Identifier: MIT
// A program that sees only the packages: one line per package with its version and the result of one small operation.
// With an argument: work on a device, without and with the package of native libraries.
using System.Reflection;
using DeepInfra.Core;
using DeepInfra.Core.Quantization;
using DeepInfra.DualPipe.Schedules;
using DeepInfra.DualPipe.Simulation;
using DeepInfra.Ep;
using DeepInfra.FlashMla;
using DeepInfra.Fs;
using DeepInfra.Gemm;

switch (args)
{
    case ["no-native"]:
        return NativePackages.RunWithout();
    case ["native"]:
        return NativePackages.RunWith();
}

var failures = 0;
var folder = Directory.CreateTempSubdirectory("deepinfra-smoke").FullName;

using (var x = Tensor<float>.FromSpan([1, 2, 3, 4], [2, 2]))
    Check<Tensor>("transpose", x.AsTransposed()[0, 1], 3f);

using (var a = Tensor<float>.Create([16, 128]))
using (var d = Tensor<float>.Create([16, 16]))
{
    a.Fill(1);
    var (codes, scales) = Quantizer.QuantizePerToken(a);
    var (weights, weightScales) = Quantizer.QuantizePerBlock(a);
    GemmContext.Cpu.Ops.Fp8GemmNT(
        new ScaledTensor(codes, scales),
        new ScaledTensor(weights, weightScales),
        d
    );
    Check<GemmContext>("FP8 product", MathF.Round(d[3, 5]), 128f);
}

using (var q = Tensor<float>.Create([1, 1, 128]))
using (var v = Tensor<float>.Create([1, 1, 128]))
using (var lengths = Tensor<int>.FromSpan([0, 1], [2]))
{
    v.Fill(7);
    var state = MlaAttention.PrefillDense(q, q, v, lengths, lengths, 1, 1, causal: true);
    Check<MlaSequence>("attention", state.Out.As<float>()[0, 0, 5], 7f);
}

using (var group = ExpertParallelGroup.CreateInProcess(1)[0])
using (
    var buffer = ThroughputBuffer.Create(
        group,
        new ThroughputBufferOptions
        {
            MaxTokensPerRank = 8,
            Hidden = 16,
            LargestElement = DType.Float32,
        }
    )
)
using (var x = Tensor<float>.Create([1, 16]))
using (var chosen = Tensor<long>.Create([1, 1]))
using (var weight = Tensor<float>.Create([1, 1]))
{
    x.Fill(2);
    using var sent = buffer.Dispatch(
        new DispatchInput(x, chosen, weight) { Experts = 4 },
        new DispatchOptions()
    );
    using var back = buffer.Combine(sent.X, sent.Handle, new CombineOptions());
    Check<ExpertParallelGroup>("dispatch and combine", back.X.As<float>()[0, 3], 2f);
}

var schedule = PipelineSchedules.DualPipe(rankCount: 8, microBatchCount: 24);
var simulated = ScheduleSimulator.Simulate(
    schedule,
    new CostModel
    {
        Forward = 1,
        Backward = 2,
        Weight = 1,
    }
);
Check<PipelineSchedule>("makespan", simulated.Makespan, 78.0);

var files = new LocalFileSystem(folder);
await using (var file = await files.CreateAsync("a"))
    await file.WriteAsync(new byte[] { 1, 2, 3 }, 0);
Check<IFileSystem>("file length", (await files.StatAsync("a")).Length, 3L);

#if !AOT
await using (
    var cluster = await DeepInfra.Fs.Cluster.ThreeFsCluster.StartAsync(
        new() { DataDirectory = Path.Combine(folder, "3fs") }
    )
)
await using (var client = await cluster.ConnectAsync())
{
    var remote = new ThreeFsFileSystem(client);
    await using (var file = await remote.CreateAsync("b"))
        await file.WriteAsync(new byte[5000], 0);
    Check<DeepInfra.Fs.Cluster.ThreeFsCluster>(
        "3FS file length",
        (await remote.StatAsync("b")).Length,
        5000L
    );
}

await using (
    var pond = await DeepInfra.Pond.PondSession.CreateAsync(
        new() { DataRoot = Path.Combine(folder, "pond") }
    )
)
    Check<DeepInfra.Pond.PondSession>(
        "rows",
        await pond.FromItems([1, 2, 3, 4]).Where("item > 2").CountAsync(),
        2L
    );
#endif

Directory.Delete(folder, recursive: true);
return failures == 0 ? 0 : 1;

void Check<T>(string what, object result, object expected)
{
    var assembly = typeof(T).Assembly.GetName();
    var ok = result.Equals(expected);
    failures += ok ? 0 : 1;
    Console.WriteLine(
        $"{assembly.Name} {assembly.Version?.ToString(3)} cpu: {what} {result}{(ok ? "" : $", expected {expected}")}"
    );
}
