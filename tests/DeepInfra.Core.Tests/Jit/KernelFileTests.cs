// SPDX-License-Identifier: MIT
using DeepInfra.Core.Jit;
using DeepInfra.Testing;

namespace DeepInfra.Core.Tests.Jit;

public class KernelFileTests
{
    private readonly KernelSpec _spec = FakeCompiler.Spec();
    private readonly byte[] _file;

    public KernelFileTests() => _file = KernelFile.Encode(new FakeCompiler().Compile(_spec), _spec);

    [Fact]
    public void Decode_WhatWasEncoded_GivesItBack()
    {
        var kernel = KernelFile.Decode(_file, _spec, out var reason);

        reason.Should().BeEmpty();
        var expected = new FakeCompiler().Compile(_spec);
        kernel!.Cubin.ToArray().Should().Equal(expected.Cubin.ToArray());
        kernel.Should().BeEquivalentTo(expected, o => o.Excluding(k => k.Cubin));
    }

    [Fact]
    public void Decode_TruncatedAnywhere_GivesAReason()
    {
        for (var length = 0; length < _file.Length; length++)
        {
            KernelFile.Decode(_file[..length], _spec, out var reason).Should().BeNull();
            reason.Should().NotBeEmpty();
        }
    }

    [Fact]
    public void Decode_AnyBitFlipped_GivesAReason()
    {
        for (var bit = 0; bit < 8 * _file.Length; bit++)
        {
            var damaged = _file.ToArray();
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));

            KernelFile.Decode(damaged, _spec, out var reason).Should().BeNull($"bit {bit}");
            reason.Should().NotBeEmpty();
        }
    }

    [Fact]
    public void Decode_RandomBytes_NeverThrows()
    {
        var random = new Random(1);
        for (var i = 0; i < 2000; i++)
        {
            var bytes = new byte[random.Next(200)];
            random.NextBytes(bytes);
            if (i % 2 == 0 && bytes.Length >= 8)
                _file.AsSpan(0, 8).CopyTo(bytes);

            KernelFile.Decode(bytes, _spec, out _).Should().BeNull();
        }
    }

    [Fact]
    public void Decode_GrownFile_GivesAReason() =>
        KernelFile.Decode([.. _file, 0], _spec, out _).Should().BeNull();

    [Fact]
    public void Decode_ForAnotherKernel_GivesAReason()
    {
        KernelFile.Decode(_file, FakeCompiler.Spec("other"), out var reason).Should().BeNull();
        reason.Should().Be("another kernel");
    }

    [Fact]
    public void Decode_CubinForAnotherArchitecture_GivesAReason()
    {
        var file = KernelFile.Encode(Kernel("sm_90a", FakeCubin.Create("sm_80")), _spec);

        KernelFile.Decode(file, _spec, out var reason).Should().BeNull();
        reason.Should().Be("a cubin for sm_80, not sm_90a");
    }

    [Fact]
    public void Decode_Ptx_IsForPortableKernelsOnly()
    {
        var ptx = Kernel("compute_90", ".version 8.4\n.target sm_90\n\0"u8.ToArray());
        var portable = new KernelSpec("k", "x", "sm_120a") { EntrySymbol = "f", IsPortable = true };
        var bound = new KernelSpec("k", "x", "sm_120a") { EntrySymbol = "f" };

        KernelFile
            .Decode(KernelFile.Encode(ptx, portable), portable, out _)!
            .Architecture.Should()
            .Be("compute_90");
        KernelFile.Decode(KernelFile.Encode(ptx, bound), bound, out var reason).Should().BeNull();
        reason.Should().Be("compiled for compute_90, not sm_120a");
    }

    private static CompiledKernel Kernel(string architecture, byte[] image) =>
        new()
        {
            Name = "k",
            Architecture = architecture,
            Cubin = image,
            EntrySymbol = "f",
            Compiler = "fake 1",
        };
}
