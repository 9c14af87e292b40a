// SPDX-License-Identifier: MIT
using DeepInfra.Conformance.Ep;

namespace DeepInfra.Ep.Tests.Transports;

/// <summary>One way in which ranks of a process exchange rows.</summary>
public interface IWay
{
    static abstract InProcessOptions Options { get; }
}

/// <summary>Receivers read the senders' tensors.</summary>
public sealed class ZeroCopy : IWay
{
    public static InProcessOptions Options { get; } = new();
}

/// <summary>Senders write into the receivers' areas.</summary>
public sealed class LoadStore : IWay
{
    public static InProcessOptions Options { get; } = new() { ZeroCopy = false };
}

/// <summary>The transport moves send areas.</summary>
public sealed class Put : IWay
{
    public static InProcessOptions Options { get; } = new() { ZeroCopy = false, LoadStore = false };
}

public abstract class ThroughputOver<TWay> : ThroughputConformance
    where TWay : IWay
{
    protected override ExpertParallelGroup[] CreateGroups(int size) =>
        ExpertParallelGroup.CreateInProcess(size, TWay.Options);
}

public sealed class ZeroCopyThroughputTests : ThroughputOver<ZeroCopy>;

public sealed class LoadStoreThroughputTests : ThroughputOver<LoadStore>;

public sealed class PutThroughputTests : ThroughputOver<Put>;

public abstract class ThroughputFeatureOver<TWay> : ThroughputFeatureConformance
    where TWay : IWay
{
    protected override ExpertParallelGroup[] CreateGroups(int size) =>
        ExpertParallelGroup.CreateInProcess(size, TWay.Options);
}

public sealed class ZeroCopyThroughputFeatureTests : ThroughputFeatureOver<ZeroCopy>;

public sealed class LoadStoreThroughputFeatureTests : ThroughputFeatureOver<LoadStore>;

public sealed class PutThroughputFeatureTests : ThroughputFeatureOver<Put>;

public abstract class LowLatencyOver<TWay> : LowLatencyConformance
    where TWay : IWay
{
    protected override ExpertParallelGroup[] CreateGroups(int size) =>
        ExpertParallelGroup.CreateInProcess(size, TWay.Options);
}

public sealed class ZeroCopyLowLatencyTests : LowLatencyOver<ZeroCopy>;

public sealed class LoadStoreLowLatencyTests : LowLatencyOver<LoadStore>;

public sealed class PutLowLatencyTests : LowLatencyOver<Put>;

public abstract class ProtocolOver<TWay> : ProtocolConformance
    where TWay : IWay
{
    protected override ExpertParallelGroup[] CreateGroups(int size) =>
        ExpertParallelGroup.CreateInProcess(size, TWay.Options);
}

public sealed class ZeroCopyProtocolTests : ProtocolOver<ZeroCopy>;

public sealed class LoadStoreProtocolTests : ProtocolOver<LoadStore>;

public sealed class PutProtocolTests : ProtocolOver<Put>;

public abstract class RoutingEdgeOver<TWay> : RoutingEdgeConformance
    where TWay : IWay
{
    protected override ExpertParallelGroup[] CreateGroups(int size) =>
        ExpertParallelGroup.CreateInProcess(size, TWay.Options);
}

public sealed class ZeroCopyRoutingEdgeTests : RoutingEdgeOver<ZeroCopy>;

public sealed class LoadStoreRoutingEdgeTests : RoutingEdgeOver<LoadStore>;

public sealed class PutRoutingEdgeTests : RoutingEdgeOver<Put>;
