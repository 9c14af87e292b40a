// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;
using DeepInfra.Testing;

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
        var length = 0;

        var allocated = AllocationMeasure.OfWarm(() => length = Encode(request, buffer, tables));

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
