// SPDX-License-Identifier: MIT
// The snippets of the root README; the test project DeepInfra.Docs.Tests checks that they are the same.
using DeepInfra.Core;
using DeepInfra.Core.Quantization;
using DeepInfra.DualPipe.Rendering;
using DeepInfra.DualPipe.Schedules;
using DeepInfra.DualPipe.Simulation;
using DeepInfra.DualPipe.Validation;
using DeepInfra.FlashMla;
using DeepInfra.Gemm;

{
    // snippet: gemm
    // y = x · wᵀ in FP8: one scale per row and 128 columns of x, one per 128x128 block of w.
    using var x = Tensor<float>.Create([64, 512]);
    using var w = Tensor<float>.Create([256, 512]);
    x.Fill(0.5f);
    w.Fill(2);
    var (xCodes, xScales) = Quantizer.QuantizePerToken(x);
    var (wCodes, wScales) = Quantizer.QuantizePerBlock(w);
    using var y = Tensor<float>.Create([64, 256]);
    GemmContext.Cpu.Ops.Fp8GemmNT(
        new ScaledTensor(xCodes, xScales),
        new ScaledTensor(wCodes, wScales),
        y
    );
    Console.WriteLine($"{y[0, 0]:0.00}"); // 512.00
    // end
}

{
    // snippet: pipeline
    // Eight pipeline ranks, twenty micro-batches from both ends: check, simulate and draw the schedule.
    var schedule = PipelineSchedules.DualPipe(rankCount: 8, microBatchCount: 20);
    ScheduleValidator.Validate(schedule).ThrowIfInvalid();
    var result = ScheduleSimulator.Simulate(
        schedule,
        new CostModel
        {
            Forward = 1,
            Backward = 2,
            Weight = 1,
        }
    );
    Console.WriteLine($"makespan {result.Makespan}");
    File.WriteAllText("dualpipe.svg", ScheduleSvgRenderer.Render(result));
    // end
}

{
    // snippet: attention
    // Two requests decode one token each from a paged FP8 cache of latents (512 + 64 per token).
    using var cache = new PagedMlaKvCache(
        new()
        {
            BlockCount = 64,
            PageSize = 16,
            Format = KvCacheFormat.Fp8V32,
        }
    );
    MlaSequence[] requests = [cache.CreateSequence(), cache.CreateSequence()];
    foreach (var request in requests)
    {
        using var latents = Tensor<float>.Create([40, 576]);
        cache.Extend(request, 40);
        cache.Append(layer: 0, request, position: 0, latents);
    }
    using var table = new BlockTableBuilder(maxBatch: 2, maxBlocks: 64);
    table.Build(requests);
    using var plan = MlaDecodePlan.Create(
        Device.Cpu,
        new()
        {
            Shape = MlaShape.DeepSeekV3(heads: 16),
            Format = KvCacheFormat.Fp8V32,
            PageSize = 16,
        }
    );
    plan.Update(table.CacheSeqlens);
    using var q = Tensor<BFloat16>.Create([2, 1, 16, 576]);
    var state = MlaAttention.Decode(plan, q, cache.Layer(0), table.BlockTable, table.CacheSeqlens);
    Console.WriteLine(state.Out); // BFloat16[2,1,16,512] on cpu
    // end
}
