// SPDX-License-Identifier: MIT
using DeepInfra.Conformance.Ep;

namespace DeepInfra.Ep.Tests.Transports;

public sealed class ZeroCopyThroughputTests : ThroughputConformance
{
    protected override ExpertParallelGroup[] CreateGroups(int size) =>
        ExpertParallelGroup.CreateInProcess(size);
}

public sealed class LoadStoreThroughputTests : ThroughputConformance
{
    protected override ExpertParallelGroup[] CreateGroups(int size) =>
        ExpertParallelGroup.CreateInProcess(size, new InProcessOptions { ZeroCopy = false });
}

public sealed class PutThroughputTests : ThroughputConformance
{
    protected override ExpertParallelGroup[] CreateGroups(int size) =>
        ExpertParallelGroup.CreateInProcess(
            size,
            new InProcessOptions { ZeroCopy = false, LoadStore = false }
        );
}

public sealed class ZeroCopyLowLatencyTests : LowLatencyConformance
{
    protected override ExpertParallelGroup[] CreateGroups(int size) =>
        ExpertParallelGroup.CreateInProcess(size);
}

public sealed class LoadStoreLowLatencyTests : LowLatencyConformance
{
    protected override ExpertParallelGroup[] CreateGroups(int size) =>
        ExpertParallelGroup.CreateInProcess(size, new InProcessOptions { ZeroCopy = false });
}

public sealed class PutLowLatencyTests : LowLatencyConformance
{
    protected override ExpertParallelGroup[] CreateGroups(int size) =>
        ExpertParallelGroup.CreateInProcess(
            size,
            new InProcessOptions { ZeroCopy = false, LoadStore = false }
        );
}

public sealed class ZeroCopyThroughputFeatureTests : ThroughputFeatureConformance
{
    protected override ExpertParallelGroup[] CreateGroups(int size) =>
        ExpertParallelGroup.CreateInProcess(size);
}

public sealed class LoadStoreThroughputFeatureTests : ThroughputFeatureConformance
{
    protected override ExpertParallelGroup[] CreateGroups(int size) =>
        ExpertParallelGroup.CreateInProcess(size, new InProcessOptions { ZeroCopy = false });
}

public sealed class PutThroughputFeatureTests : ThroughputFeatureConformance
{
    protected override ExpertParallelGroup[] CreateGroups(int size) =>
        ExpertParallelGroup.CreateInProcess(
            size,
            new InProcessOptions { ZeroCopy = false, LoadStore = false }
        );
}

public sealed class ZeroCopyProtocolTests : ProtocolConformance
{
    protected override ExpertParallelGroup[] CreateGroups(int size) =>
        ExpertParallelGroup.CreateInProcess(size);
}

public sealed class LoadStoreProtocolTests : ProtocolConformance
{
    protected override ExpertParallelGroup[] CreateGroups(int size) =>
        ExpertParallelGroup.CreateInProcess(size, new InProcessOptions { ZeroCopy = false });
}

public sealed class PutProtocolTests : ProtocolConformance
{
    protected override ExpertParallelGroup[] CreateGroups(int size) =>
        ExpertParallelGroup.CreateInProcess(
            size,
            new InProcessOptions { ZeroCopy = false, LoadStore = false }
        );
}

public sealed class ZeroCopyRoutingEdgeTests : RoutingEdgeConformance
{
    protected override ExpertParallelGroup[] CreateGroups(int size) =>
        ExpertParallelGroup.CreateInProcess(size);
}

public sealed class LoadStoreRoutingEdgeTests : RoutingEdgeConformance
{
    protected override ExpertParallelGroup[] CreateGroups(int size) =>
        ExpertParallelGroup.CreateInProcess(size, new InProcessOptions { ZeroCopy = false });
}

public sealed class PutRoutingEdgeTests : RoutingEdgeConformance
{
    protected override ExpertParallelGroup[] CreateGroups(int size) =>
        ExpertParallelGroup.CreateInProcess(
            size,
            new InProcessOptions { ZeroCopy = false, LoadStore = false }
        );
}
