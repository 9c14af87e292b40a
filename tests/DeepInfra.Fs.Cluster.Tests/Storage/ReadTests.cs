// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Cluster.Tests.Metadata;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Storage;

public sealed class ReadTests
{
    private static readonly ChunkId s_chunk = new(0x7777_0000, 0, 0);

    [Theory]
    [InlineData(100, StatusCode.Ok)]
    [InlineData(7200, StatusCode.InvalidArg)]
    public async Task BatchRead_MoreThanAnAnswerHolds_IsRefused(int ranges, StatusCode expected)
    {
        const uint Length = 64 * 1024;
        await using var fs = await MetaFixture.StartAsync();
        var chain = fs.Client.Routing.Chains.Keys.Min();
        await fs.Client.WriteAsync(chain, s_chunk, 0, new byte[Length]);
        var io = new ReadIO
        {
            Length = Length,
            Key = new GlobalKey { VChainId = fs.Client.Chain(chain), ChunkId = s_chunk },
            Rdmabuf = new RdmaRemoteBuf { Size = Length },
        };

        var answer = await fs.Client.StorageAsync<BatchReadReq, BatchReadRsp>(
            chain,
            StorageMethod.BatchRead,
            new BatchReadReq
            {
                Payloads = [.. Enumerable.Repeat(io, ranges)],
                Tag = fs.Client.Tag(0),
                FeatureFlags = FeatureFlags.SendDataInline,
                ChecksumType = ChecksumType.Crc32c,
            }
        );

        answer.Status.Code.Should().Be(expected);
        if (answer.HasValue)
        {
            answer.Value.Inlinebuf.Data.Length.Should().Be(ranges * (int)Length);
        }
    }
}
