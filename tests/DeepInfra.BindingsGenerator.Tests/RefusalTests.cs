// SPDX-License-Identifier: MIT
namespace DeepInfra.BindingsGenerator.Tests;

/// <summary>What the ABI does not allow is an error that names the line, never a guess.</summary>
public sealed class RefusalTests
{
    [Theory]
    [InlineData("\nvoid di_demo_a(long size);", 5, "size: unknown type long")]
    [InlineData("void di_demo_a(_Bool flag);", 4, "flag: unknown type _Bool")]
    [InlineData("void di_demo_a(__SIZE_TYPE__ size);", 4, "size: unknown type unsigned long")]
    [InlineData(
        "\n\ntypedef struct di_t { int32_t a;\n long double b; } di_t;",
        7,
        "b: unknown type long double"
    )]
    [InlineData("typedef struct di_t { uint32_t a : 3; } di_t;", 4, "bit-fields")]
    [InlineData("typedef union di_u { int32_t a; float b; } di_u;", 4, "union di_u")]
    [InlineData(
        "typedef struct di_t { union { int32_t a; float b; } u; } di_t;",
        4,
        "inside another"
    )]
    [InlineData("void di_demo_a(const char* format, ...);", 4, "variadic")]
    [InlineData("void di_demo_a(int32_t);", 4, "parameter 0 has no name")]
    [InlineData(
        "typedef struct di_big { int64_t a[3]; } di_big;\nvoid di_demo_a(di_big big);",
        5,
        "passed by value"
    )]
    [InlineData("typedef struct di_x* di_raw;\nvoid di_demo_a(di_raw raw);", 4, "@handle")]
    [InlineData("enum di_e { DI_E_A };\nvoid di_demo_a(enum di_e e);", 5, "unknown type enum di_e")]
    [InlineData("enum { DI_E_A };", 4, "needs a name")]
    [InlineData("void di_demo_a(void (*callback)(void));", 4, "needs a typedef")]
    [InlineData("void di_other_a(void);", 4, "begin with di_demo_")]
    [InlineData("typedef struct di_t { int32_t a[2][2]; } di_t;", 4, "arrays of arrays")]
    [InlineData(
        "// @enum: di_none\ntypedef int32_t di_r;\ndi_r di_demo_a(void);",
        5,
        "no enumeration di_none"
    )]
    [InlineData(
        "enum di_e { DI_E_A };\n// @enum: di_e\ntypedef int16_t di_r;\ndi_r di_demo_a(void);",
        6,
        "as int32_t"
    )]
    public void Generate_ForbiddenConstruct_NamesTheLine(string header, int line, string problem)
    {
        var act = () => HeaderFixture.Generate(header);

        act.Should()
            .Throw<BindingsException>()
            .WithMessage($"*demo.h({line}): *{problem}*")
            .Which.Line.Should()
            .Be(line);
    }

    [Fact]
    public void Generate_HeaderThatDoesNotCompile_ShowsTheCompilersMessage()
    {
        var act = () => HeaderFixture.Generate("void di_demo_a(nonsense x);");

        act.Should().Throw<InvalidDataException>().WithMessage("*unknown type name*");
    }
}
