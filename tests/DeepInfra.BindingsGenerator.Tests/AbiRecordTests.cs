// SPDX-License-Identifier: MIT
using DeepInfra.Testing;

namespace DeepInfra.BindingsGenerator.Tests;

/// <summary>A changed header needs another version, and the right one.</summary>
public sealed class AbiRecordTests
{
    private const string Params =
        "typedef struct di_demo_params { uint32_t struct_size; uint32_t reserved; } di_demo_params;\n";

    private const string Header =
        Params + "enum di_demo_mode { DI_DEMO_FAST = 0 };\n" + "int32_t di_demo_run(int64_t x);\n";

    public static TheoryData<string, string> Additions =>
        new()
        {
            { "a function", Header + "int32_t di_demo_stop(void);\n" },
            {
                "a value",
                Header.Replace("FAST = 0", "FAST = 0, DI_DEMO_SLOW = 1", StringComparison.Ordinal)
            },
            {
                "a field at the end",
                Header.Replace("reserved;", "reserved; uint64_t more;", StringComparison.Ordinal)
            },
            {
                "a meaning of a reserved field",
                Header.Replace("reserved;", "mode;", StringComparison.Ordinal)
            },
        };

    public static TheoryData<string, string> Breaks =>
        new()
        {
            {
                "a function removed",
                Header.Replace("int32_t di_demo_run(int64_t x);", "", StringComparison.Ordinal)
            },
            {
                "a parameter of another type",
                Header.Replace("int64_t x", "int32_t x", StringComparison.Ordinal)
            },
            { "a value changed", Header.Replace("FAST = 0", "FAST = 2", StringComparison.Ordinal) },
            {
                "a field in the middle",
                Header.Replace(
                    "uint32_t reserved;",
                    "uint64_t new_one; uint32_t reserved;",
                    StringComparison.Ordinal
                )
            },
            {
                "a reserved field of another type",
                Header.Replace("uint32_t reserved;", "float mode;", StringComparison.Ordinal)
            },
        };

    [Fact]
    public void ProblemAfter_SameHeader_IsNone() =>
        HeaderFixture
            .Abi("// Comments may change.\n" + Header)
            .ProblemAfter(HeaderFixture.Abi(Header))
            .Should()
            .BeNull();

    [Theory]
    [MemberData(nameof(Additions))]
    public void ProblemAfter_Addition_NeedsTheNextMinorVersion(string what, string header)
    {
        var before = HeaderFixture.Abi(Header);

        HeaderFixture
            .Abi(header)
            .ProblemAfter(before)
            .Should()
            .StartWith(
                "the header states version 1.0, but compared with 1.0 it adds to it: state 1.1.",
                what
            )
            .And.Contain("\n  + ");
        HeaderFixture.Abi(header, "0x00010002u").ProblemAfter(before).Should().NotBeNull(what);
        HeaderFixture.Abi(header, "0x00010001u").ProblemAfter(before).Should().BeNull(what);
        HeaderFixture.Abi(header, "0x00020000u").ProblemAfter(before).Should().BeNull(what);
    }

    [Theory]
    [MemberData(nameof(Breaks))]
    public void ProblemAfter_Break_NeedsTheNextMajorVersion(string what, string header)
    {
        var before = HeaderFixture.Abi(Header);

        HeaderFixture
            .Abi(header, "0x00010001u")
            .ProblemAfter(before)
            .Should()
            .Contain("changes or removes what callers rely on: state 2.0.", what)
            .And.Contain("\n  - ");
        HeaderFixture.Abi(header, "0x00020001u").ProblemAfter(before).Should().NotBeNull(what);
        HeaderFixture.Abi(header, "0x00020000u").ProblemAfter(before).Should().BeNull(what);
    }

    [Fact]
    public void ProblemAfter_StructOfFixedSizeGrows_IsABreak()
    {
        const string Result = "typedef struct di_demo_result { uint32_t count; } di_demo_result;\n";
        var grown = Result.Replace("count;", "count; uint32_t first;", StringComparison.Ordinal);

        HeaderFixture
            .Abi(grown, "0x00010001u")
            .ProblemAfter(HeaderFixture.Abi(Result))
            .Should()
            .Contain("state 2.0")
            .And.Contain("- struct di_demo_result of 4 bytes");
    }

    [Theory]
    [InlineData("0x00010001u", true)]
    [InlineData("0x00000009u", false)]
    [InlineData("0x00010003u", false)]
    public void ProblemAfter_VersionAlone_MayOnlyTakeOneStepUp(string version, bool isAllowed)
    {
        var problem = HeaderFixture.Abi(Header, version).ProblemAfter(HeaderFixture.Abi(Header));

        (problem is null).Should().Be(isAllowed);
    }

    [Fact]
    public void FindAbiProblem_NoRecordYet_IsNone()
    {
        using var checkout = new TempDirectory();
        var files = HeaderFixture.Generate(Header);

        Generator.FindAbiProblem(HeaderFixture.Area, files, checkout.Path).Should().BeNull();
        Generator.Apply(files, checkout.Path, checkOnly: false);
        var more = HeaderFixture.Generate(Header + "int32_t di_demo_stop(void);\n");

        Generator.FindAbiProblem(HeaderFixture.Area, more, checkout.Path).Should().NotBeNull();
    }

    [Fact]
    public void Generate_HeaderWithoutVersion_SaysWhatIsExpected()
    {
        var act = () => HeaderFixture.Abi(Header, "17");

        act.Should()
            .Throw<InvalidDataException>()
            .WithMessage("*demo.h: expected a line `#define DI_DEMO_ABI_VERSION 0x00010000u`*");
    }

    [Fact]
    public void Methods_OfAnArea_KnowTheVersionOfTheHeader() =>
        HeaderFixture
            .Methods(Header + "#define DI_DEMO_ABI_VERSION 0x0003000Au\n")
            .Should()
            .Contain("public const uint HeaderAbiVersion = 0x0003_000A;");

    [Theory]
    [InlineData("")]
    [InlineData("nonsense\n")]
    [InlineData("version x\n")]
    public void Parse_NoRecord_Throws(string text)
    {
        var act = () => AbiRecord.Parse(text);

        act.Should().Throw<InvalidDataException>();
    }
}
