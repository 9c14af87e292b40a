// SPDX-License-Identifier: MIT
namespace DeepInfra.BindingsGenerator.Tests;

public sealed class MethodTests
{
    [Fact]
    public void Function_Signature_IsBlittableAndNamed()
    {
        var methods = HeaderFixture.Methods(
            "typedef struct di_p { int32_t a; } di_p;\nint32_t di_demo_run_all(const di_p* in, uint64_t size_bytes, void* out);"
        );

        methods.Should().Contain("[LibraryImport(Library, EntryPoint = \"di_demo_run_all\")]");
        methods.Should().Contain("[UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]");
        methods
            .Should()
            .Contain(
                "public static partial int RunAll(NativeP* @in, ulong sizeBytes, void* @out);"
            );
        methods.Should().Contain("using Demo.Handles;").And.Contain("namespace Demo.Interop;");
    }

    [Fact]
    public void Function_WithoutParameters_HasNone()
    {
        HeaderFixture
            .Methods("const char* di_demo_info(void);")
            .Should()
            .Contain("public static partial byte* Info();");
    }

    [Fact]
    public void Function_Handle_IsItsSafeHandle()
    {
        var methods = HeaderFixture.Methods(
            """
            // @handle: SafeThingHandle
            typedef struct di_thing_t* di_thing;
            void di_demo_use(di_thing thing);
            int32_t di_demo_make(di_thing* out);
            """
        );

        methods.Should().Contain("void Use(SafeThingHandle thing);");
        methods.Should().Contain("int Make(nint* @out);");
    }

    [Fact]
    public void Function_EnumTypedef_IsTheEnum()
    {
        HeaderFixture
            .Methods(
                """
                // @enum: di_code
                typedef int32_t di_result;
                // @name: Result
                enum di_code { DI_CODE_OK = 0, DI_CODE_BAD = 1 };
                di_result di_demo_try(void);
                """
            )
            .Should()
            .Contain("public static partial Result Try();");
    }

    [Fact]
    public void Function_Comment_BecomesDocumentation()
    {
        var methods = HeaderFixture.Methods(
            """

            // Does a < b && c.
            // Second line.
            // @param value What it is,
            // over two lines.
            void di_demo_run(
                int32_t value
            );
            """
        );

        methods
            .Should()
            .Contain("/// Does a &lt; b &amp;&amp; c.\n")
            .And.Contain("/// Second line.");
        methods.Should().Contain("/// <param name=\"value\">What it is, over two lines.</param>");
    }

    [Fact]
    public void Function_CommentOfAnotherDeclaration_IsNotTaken()
    {
        HeaderFixture
            .Methods("// First.\nvoid di_demo_a(void);\nvoid di_demo_b(void);\n")
            .Split("di_demo_b")[0]
            .Split("di_demo_a")[1]
            .Should()
            .NotContain("First");
    }

    [Fact]
    public void Function_BehindAMacro_IsFoundWhereItIsUsed()
    {
        HeaderFixture
            .Methods(
                "#define DI_API __attribute__((visibility(\"default\")))\n\nDI_API void di_demo_a(void);"
            )
            .Should()
            .Contain("void A();");
    }
}
