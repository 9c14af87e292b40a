// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Tests.Wire;

public sealed class SerdeAllocationTests
{
    [Fact]
    public void Encode_BatchReadOf128_AllocatesNothingWhenWarm()
    {
        var request = new BatchReadReq
        {
            Payloads =
            [
                .. Enumerable
                    .Range(0, 128)
                    .Select(i => new ReadIO
                    {
                        Length = 4096,
                        Key = new GlobalKey { ChunkId = new ChunkId(7, 0, (uint)i) },
                        Rdmabuf = new RdmaRemoteBuf { Size = 4096 },
                    }),
            ],
            Tag = new MessageTag
            {
                ClientId = new ClientId { Uuid = Guid.NewGuid(), Hostname = "host" },
            },
        };
        var buffer = new byte[64 << 10];
        var tables = new SerdeTableLengths();
        var (length, allocated) = (0, long.MaxValue);
        // Warm means optimised: the runtime replaces first-tier code, which boxes, some 100 ms after its thirtieth call.
        for (var round = 0; round < 20 && allocated != 0; round++)
        {
            for (var i = 0; i < 50; i++)
                Encode(request, buffer, tables);
            Thread.Sleep(100);
            var before = GC.GetAllocatedBytesForCurrentThread();
            length = Encode(request, buffer, tables);
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        allocated.Should().Be(0);
        buffer.AsSpan(0, length).SequenceEqual(Serde.ToArray(request)).Should().BeTrue();
    }

    private static int Encode(BatchReadReq request, byte[] buffer, SerdeTableLengths tables)
    {
        var sizer = new SerdeSizer(tables);
        StructOf<BatchReadReq>.Visit(ref sizer, ref request);
        var writer = new SerdeWriter(buffer, tables);
        StructOf<BatchReadReq>.Visit(ref writer, ref request);
        return writer.Position;
    }
}
