// SPDX-License-Identifier: MIT
using DeepInfra.Core.Jit;

namespace DeepInfra.Core.Tests.Jit;

public class KernelSpecTests
{
    private static readonly KernelHeaders s_headers = Headers(("a.cuh", "int a;"));

    public static TheoryData<string, KernelSpec> Variants =>
        new()
        {
            { "name", Create(name: "other") },
            { "source", Create(source: "int y;") },
            { "architecture", Create(architecture: "sm_80") },
            { "header text", Create(headers: Headers(("a.cuh", "int b;"))) },
            { "header name", Create(headers: Headers(("b.cuh", "int a;"))) },
            { "more headers", Create(headers: Headers(("a.cuh", "int a;"), ("b.cuh", ""))) },
            { "options", Create(options: ["-lineinfo", "-G"]) },
            { "split options", Create(options: ["-line", "info"]) },
            { "no options", Create(options: []) },
            { "expression", Create(symbol: null, expression: "f") },
            { "symbol", Create(symbol: "g") },
            { "description", Create(description: "M=2") },
        };

    [Theory]
    [MemberData(nameof(Variants))]
    public void Hash_AnyInputDiffers_Differs(string what, KernelSpec variant) =>
        variant.Hash.Should().NotBe(Create().Hash, what);

    [Fact]
    public void Hash_SameInputs_IsTheSame() => Create().Hash.Should().Be(Create().Hash);

    [Fact]
    public void Hash_OfTexts_DependsOnTheirBorders() =>
        KernelHash.Of("ab", "c").Should().NotBe(KernelHash.Of("a", "bc"));

    [Fact]
    public void Hash_AsText_IsTheDigest() =>
        KernelHash
            .Of("abc"u8)
            .ToString()
            .Should()
            .Be("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");

    [Theory]
    [InlineData("")]
    [InlineData("a/b")]
    [InlineData("..\\x")]
    [InlineData("a b")]
    public void Constructor_NameUnfitForFiles_Throws(string name) =>
        FluentActions.Invoking(() => Create(name: name)).Should().Throw<ArgumentException>();

    [Theory]
    [InlineData("90")]
    [InlineData("compute_x")]
    [InlineData("sm_")]
    [InlineData("sm_90x")]
    public void Constructor_UnknownTarget_Throws(string architecture) =>
        FluentActions
            .Invoking(() => Create(architecture: architecture))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("architecture: expected*");

    [Fact]
    public void Headers_NameTwice_Throws() =>
        FluentActions
            .Invoking(() => Headers(("a", "1"), ("a", "2")))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("*'a' occurs twice*");

    [Fact]
    public void Headers_OrderOfInsertion_DoesNotMatter() =>
        Headers(("a", "1"), ("b", "2")).Hash.Should().Be(Headers(("b", "2"), ("a", "1")).Hash);

    [Fact]
    public void HeadersFromResources_UnknownPrefix_Throws() =>
        FluentActions
            .Invoking(() => KernelHeaders.FromResources(typeof(KernelSpecTests).Assembly, "no/"))
            .Should()
            .Throw<ArgumentException>();

    private static KernelHeaders Headers(params (string Name, string Text)[] headers) =>
        KernelHeaders.Create(headers.Select(h => KeyValuePair.Create(h.Name, h.Text)));

    private static KernelSpec Create(
        string name = "k",
        string source = "int x;",
        string architecture = "sm_90a",
        KernelHeaders? headers = null,
        string[]? options = null,
        string? expression = null,
        string? symbol = "f",
        string description = "M=1"
    ) =>
        new(name, source, architecture)
        {
            Headers = headers ?? s_headers,
            Options = options ?? ["-lineinfo"],
            EntryExpression = expression,
            EntrySymbol = symbol,
            Description = description,
        };

    [Fact]
    public void Hash_PortableOrNot_Differs()
    {
        var bound = new KernelSpec("k", "x", "sm_90a") { EntrySymbol = "f" };
        var portable = new KernelSpec("k", "x", "sm_90a") { EntrySymbol = "f", IsPortable = true };

        portable.Hash.Should().NotBe(bound.Hash);
    }
}
