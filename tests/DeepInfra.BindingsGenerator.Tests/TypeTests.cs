// SPDX-License-Identifier: MIT
namespace DeepInfra.BindingsGenerator.Tests;

public sealed class TypeTests
{
    [Fact]
    public void Struct_EveryPrimitive_BecomesItsBlittableCounterpart()
    {
        var types = HeaderFixture.Types(
            """
            typedef struct di_all {
                int8_t a; uint8_t b; int16_t c; uint16_t d; int32_t e; uint32_t f; int64_t g; uint64_t h;
                float i; double j; void* k; const char* l; const void* const* m; char n;
            } di_all;
            """
        );

        foreach (
            var field in new[]
            {
                "sbyte A",
                "byte B",
                "short C",
                "ushort D",
                "int E",
                "uint F",
                "long G",
                "ulong H",
                "float I",
                "double J",
                "void* K",
                "byte* L",
                "void** M",
                "byte N",
            }
        )
            types.Should().Contain($"public {field};");
        types.Should().Contain("internal unsafe struct NativeAll");
    }

    [Fact]
    public void Struct_Anonymous_TakesTheNameOfItsTypedef()
    {
        HeaderFixture
            .Types("typedef struct { int32_t a; } di_thing;")
            .Should()
            .Contain("struct NativeThing");
    }

    [Fact]
    public void Struct_FixedArray_BecomesAnInlineArray()
    {
        var types = HeaderFixture.Types(
            "typedef struct di_t { char text[64]; int64_t shape[8]; } di_t;"
        );

        types.Should().Contain("public TextBuffer Text;").And.Contain("[InlineArray(64)]");
        types.Should().Contain("[InlineArray(8)]").And.Contain("private long _element;");
    }

    [Fact]
    public void Struct_NestedByValueAndPointer_UseTheManagedNames()
    {
        var types = HeaderFixture.Types(
            """
            // @managed: DLDevice
            typedef struct di_device { int32_t type; int32_t id; } di_device;
            // @name: Chosen
            typedef struct di_inner { int32_t a; } di_inner;
            typedef struct di_outer { di_device device; const di_inner* inner; } di_outer;
            """
        );

        types.Should().Contain("public DLDevice Device;").And.Contain("public Chosen* Inner;");
        types.Should().NotContain("struct DLDevice").And.Contain("struct Chosen");
    }

    [Fact]
    public void Enum_Members_LoseTheirPrefixAndKeepImplicitValues()
    {
        var types = HeaderFixture.Types(
            """
            // Colours.
            enum di_colour {
                // The first one.
                DI_COLOUR_DARK_RED = 5,
                DI_COLOUR_GREEN,
                DI_COLOUR_BLUE = -2,
                DI_COLOUR_PINK = (1 << 4),
            };
            """
        );

        types.Should().Contain("internal enum NativeColour");
        types.Should().Contain("DarkRed = 5,").And.Contain("Green = 6,");
        types.Should().Contain("Blue = -2,").And.Contain("Pink = 16,");
        types.Should().Contain("/// <summary>The first one.</summary>");
    }

    [Fact]
    public void FunctionPointer_Typedef_BecomesAnUnmanagedDelegate()
    {
        HeaderFixture
            .Types(
                """
                typedef int32_t (*di_callback)(void* state, const char* name);
                typedef void (*di_signal)(void);
                typedef struct di_t { di_callback callback; di_signal signal; } di_t;
                """
            )
            .Should()
            .Contain("public delegate* unmanaged[Cdecl]<void*, byte*, int> Callback;")
            .And.Contain("public delegate* unmanaged[Cdecl]<void> Signal;");
    }

    [Fact]
    public void Layout_PaddedStruct_HasItsOffsets()
    {
        var layout = HeaderFixture.Layout(
            "typedef struct di_in { int32_t x; int32_t y; } di_in;\ntypedef struct di_t { uint8_t a; di_in b; void* c; uint16_t d; } di_t;"
        );

        layout
            .Should()
            .Contain("{\"di_t\", \"a\", 32, 0},")
            .And.Contain("{\"di_t\", \"b\", 32, 4},");
        layout
            .Should()
            .Contain("{\"di_t\", \"c\", 32, 16},")
            .And.Contain("{\"di_t\", \"d\", 32, 24},");
        layout.Should().Contain("DI_ABI_ASSERT(sizeof(di_t) == 32, \"di_t\");");
        layout.Should().Contain("{\"di_in\", \"y\", 8, 4},");
    }

    [Fact]
    public void Types_OfSystemHeaders_AreNotEmitted()
    {
        HeaderFixture
            .Types("#include <time.h>\ntypedef struct di_t { int32_t a; } di_t;")
            .Should()
            .NotContain("timespec");
    }
}
