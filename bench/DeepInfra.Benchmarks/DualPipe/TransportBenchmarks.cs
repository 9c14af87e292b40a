// SPDX-License-Identifier: MIT
using BenchmarkDotNet.Attributes;
using DeepInfra.DualPipe.Tensors;
using DeepInfra.DualPipe.Transports;

namespace DeepInfra.Benchmarks.DualPipe;

/// <summary>
/// One message between two ends in one thread, in both orders of send and receive. The in-process
/// transport moves the object, so the size must not matter. Target: below 2 us.
/// </summary>
[MemoryDiagnoser]
public class TransportBenchmarks
{
    private InProcessTransport[] _ranks = null!;
    private PipelineTensor _tensor = null!;
    private int _microBatch;

    [Params(4 << 10, 1 << 20, 64 << 20)]
    public int Bytes { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _ranks = InProcessTransport.CreateGroup(2);
        _tensor = PipelineTensor.Allocate(PipelineDataType.UInt8, Bytes);
    }

    [GlobalCleanup]
    public async Task CleanupAsync()
    {
        _tensor.Dispose();
        await _ranks[0].DisposeAsync();
    }

    [Benchmark]
    public async Task<TensorMessage> SendThenReceiveAsync()
    {
        var tag = new MessageTag(1, MessageKind.Activation, 1, _microBatch++);
        await _ranks[0].SendAsync(1, tag, _tensor);
        return await _ranks[1].ReceiveAsync(0, tag);
    }

    [Benchmark]
    public async Task<TensorMessage> ReceiveThenSendAsync()
    {
        var tag = new MessageTag(1, MessageKind.Activation, 1, _microBatch++);
        var receive = _ranks[1].ReceiveAsync(0, tag).AsTask();
        await _ranks[0].SendAsync(1, tag, _tensor);
        return await receive;
    }
}
