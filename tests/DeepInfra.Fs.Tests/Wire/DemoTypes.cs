// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Tests.Wire;

internal enum DemoColor : byte
{
    Red = 0,
    Green = 1,
    Blue = 7,
}

internal enum DemoWide : uint
{
    A = 0,
    B = 70,
}

internal enum DemoPlain : uint
{
    P0 = 0,
    P1 = 1,
    P2 = 2,
}

internal interface IDemoVariant;

internal sealed class DemoAllKinds : ISerdeStruct<DemoAllKinds>
{
    public bool B;
    public sbyte I8;
    public byte U8;
    public short I16;
    public ushort U16;
    public int I32;
    public uint U32;
    public long I64;
    public ulong U64;
    public float F32;
    public double F64;
    public string S = "";
    public DemoColor Color;
    public DemoWide Wide;
    public DemoPlain Plain;
    public uint Strong;
    public uint V32;
    public ulong V64;
    public string? Os;
    public InlineData Vu8;
    public List<uint> Vu32 = [];
    public List<string> Vs = [];
    public List<string> Set = [];
    public Dictionary<string, uint> Map = [];
    public Dictionary<uint, DemoPoint> Mapi = [];
    public IDemoVariant Var = new DemoPoint();
    public Guid Uuid;
    public NodeAddress Addr;
    public long T;
    public ulong Size;
    public long Dur;
    public string Path = "";
    public DemoPoint? Ptr;
    public Result<DemoPoint> Res;
    public Status St;
    public List<bool> Ve = [];

    public static string WireName => "AllKinds";

    public static void Visit<TVisitor>(ref TVisitor v, ref DemoAllKinds x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("b", ref x.B);
        v.Number("i8", ref x.I8);
        v.Number("u8", ref x.U8);
        v.Number("i16", ref x.I16);
        v.Number("u16", ref x.U16);
        v.Number("i32", ref x.I32);
        v.Number("u32", ref x.U32);
        v.Number("i64", ref x.I64);
        v.Number("u64", ref x.U64);
        v.Number("f32", ref x.F32);
        v.Number("f64", ref x.F64);
        v.String("s", ref x.S);
        v.Enum("color", ref x.Color);
        v.Enum("wide", ref x.Wide);
        v.Enum("plain", ref x.Plain);
        v.Number("strong", ref x.Strong);
        v.Field("v32", ref x.V32, default(Varint32));
        v.Field("v64", ref x.V64, default(Varint64));
        v.Field("os", ref x.Os, default(OptionalRef<string, Text>));
        v.Field("vu8", ref x.Vu8, default(Blob));
        v.Field("vu32", ref x.Vu32, default(ListOf<uint, Scalar<uint>>));
        v.Field("vs", ref x.Vs, default(ListOf<string, Text>));
        v.Field("set", ref x.Set, default(SetOf<string, Text>));
        v.Field("map", ref x.Map, default(SortedMapOf<string, Text, uint, Scalar<uint>>));
        v.Field(
            "mapi",
            ref x.Mapi,
            default(SortedMapOf<uint, Scalar<uint>, DemoPoint, StructOf<DemoPoint>>)
        );
        v.Field("var", ref x.Var, default(DemoVariantCodec));
        v.Field("uuid", ref x.Uuid, default(Uuid));
        v.Field("addr", ref x.Addr, default(AddressCodec));
        v.Number("t", ref x.T);
        v.Number("size", ref x.Size);
        v.Number("dur", ref x.Dur);
        v.String("path", ref x.Path);
        v.Field("ptr", ref x.Ptr, default(OptionalRef<DemoPoint, StructOf<DemoPoint>>));
        v.Field("res", ref x.Res, default(ResultOf<DemoPoint, StructOf<DemoPoint>>));
        v.Field("st", ref x.St, default(StatusCodec));
        v.Field("ve", ref x.Ve, default(ListOf<bool, Scalar<bool>>));
        v.EndTable(table);
    }
}

internal sealed class DemoBase : ISerdeStruct<DemoBase>
{
    public byte A;
    public string B = "";

    public static string WireName => "Base";

    public static void Visit<TVisitor>(ref TVisitor v, ref DemoBase x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("a", ref x.A);
        v.String("b", ref x.B);
        v.EndTable(table);
    }
}

internal sealed class DemoDerived : ISerdeStruct<DemoDerived>
{
    public byte A;
    public string B = "";
    public ushort C;
    public uint? D;

    public static string WireName => "Derived";

    public static void Visit<TVisitor>(ref TVisitor v, ref DemoDerived x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var baseTable = v.BeginTable();
        v.Number("a", ref x.A);
        v.String("b", ref x.B);
        v.EndTable(baseTable);
        var table = v.BeginTable();
        v.Number("c", ref x.C);
        v.Field("d", ref x.D, default(OptionalValue<uint, Scalar<uint>>));
        v.EndTable(table);
    }
}

internal sealed class DemoDerived2 : ISerdeStruct<DemoDerived2>
{
    public byte A;
    public string B = "";
    public ushort C;
    public uint? D;
    public bool E;

    public static string WireName => "Derived2";

    public static void Visit<TVisitor>(ref TVisitor v, ref DemoDerived2 x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var baseTable = v.BeginTable();
        v.Number("a", ref x.A);
        v.String("b", ref x.B);
        v.EndTable(baseTable);
        var table = v.BeginTable();
        v.Number("c", ref x.C);
        v.Field("d", ref x.D, default(OptionalValue<uint, Scalar<uint>>));
        v.EndTable(table);
        var table3 = v.BeginTable();
        v.Number("e", ref x.E);
        v.EndTable(table3);
    }
}

internal sealed class DemoDerivedAfterNone : ISerdeStruct<DemoDerivedAfterNone>
{
    public byte A;
    public string B = "";
    public ulong Z;

    public static string WireName => "DerivedAfterNone";

    public static void Visit<TVisitor>(ref TVisitor v, ref DemoDerivedAfterNone x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var baseTable = v.BeginTable();
        v.Number("a", ref x.A);
        v.String("b", ref x.B);
        v.EndTable(baseTable);
        var table = v.BeginTable();
        v.Number("z", ref x.Z);
        v.EndTable(table);
    }
}

internal sealed class DemoDerivedNone : ISerdeStruct<DemoDerivedNone>
{
    public byte A;
    public string B = "";

    public static string WireName => "DerivedNone";

    public static void Visit<TVisitor>(ref TVisitor v, ref DemoDerivedNone x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("a", ref x.A);
        v.String("b", ref x.B);
        v.EndTable(table);
    }
}

internal sealed class DemoEmpty : IDemoVariant, ISerdeStruct<DemoEmpty>
{
    public static string WireName => "Empty";

    public static void Visit<TVisitor>(ref TVisitor v, ref DemoEmpty x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Dummy("v");
        v.EndTable(table);
    }
}

internal sealed class DemoFB : ISerdeStruct<DemoFB>
{
    public IDemoVariant V = new DemoUnknownVariantType();
    public uint Tail;

    public static string WireName => "FB";

    public static void Visit<TVisitor>(ref TVisitor v, ref DemoFB x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field("v", ref x.V, default(DemoFallbackCodec));
        v.Number("tail", ref x.Tail);
        v.EndTable(table);
    }
}

internal sealed class DemoH1 : ISerdeStruct<DemoH1>
{
    public uint A = 1;
    public string B = "defB";
    public byte X;

    public static string WireName => "H1";

    public static void Visit<TVisitor>(ref TVisitor v, ref DemoH1 x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var baseTable = v.BeginTable();
        v.Number("a", ref x.A);
        v.String("b", ref x.B);
        v.EndTable(baseTable);
        var table = v.BeginTable();
        v.Number("x", ref x.X);
        v.EndTable(table);
    }
}

internal sealed class DemoH2 : ISerdeStruct<DemoH2>
{
    public uint A = 1;
    public string B = "defB";
    public ushort C = 777;
    public byte? D;
    public byte X;
    public byte Y = 99;

    public static string WireName => "H2";

    public static void Visit<TVisitor>(ref TVisitor v, ref DemoH2 x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var baseTable = v.BeginTable();
        v.Number("a", ref x.A);
        v.String("b", ref x.B);
        v.Number("c", ref x.C);
        v.Field("d", ref x.D, default(OptionalValue<byte, Scalar<byte>>));
        v.EndTable(baseTable);
        var table = v.BeginTable();
        v.Number("x", ref x.X);
        v.Number("y", ref x.Y);
        v.EndTable(table);
    }
}

internal sealed class DemoNF : ISerdeStruct<DemoNF>
{
    public IDemoVariant V = new DemoEmpty();
    public uint Tail;

    public static string WireName => "NF";

    public static void Visit<TVisitor>(ref TVisitor v, ref DemoNF x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field("v", ref x.V, default(DemoVariantCodec));
        v.Number("tail", ref x.Tail);
        v.EndTable(table);
    }
}

internal sealed class DemoNest : IDemoVariant, ISerdeStruct<DemoNest>
{
    public ulong Id;
    public DemoPoint P = new();
    public DemoPoint? Opt;
    public List<DemoPoint> List = [];
    public string Name = "";
    public DemoDerived D = new();

    public static string WireName => "Nest";

    public static void Visit<TVisitor>(ref TVisitor v, ref DemoNest x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("id", ref x.Id);
        v.Struct("p", ref x.P);
        v.Field("opt", ref x.Opt, default(OptionalRef<DemoPoint, StructOf<DemoPoint>>));
        v.Field("list", ref x.List, default(ListOf<DemoPoint, StructOf<DemoPoint>>));
        v.String("name", ref x.Name);
        v.Struct("d", ref x.D);
        v.EndTable(table);
    }
}

internal sealed class DemoPoint : IDemoVariant, ISerdeStruct<DemoPoint>
{
    public int X;
    public int Y;

    public static string WireName => "Point";

    public static void Visit<TVisitor>(ref TVisitor v, ref DemoPoint x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("x", ref x.X);
        v.Number("y", ref x.Y);
        v.EndTable(table);
    }
}

internal sealed class DemoV1 : ISerdeStruct<DemoV1>
{
    public uint A = 1;
    public string B = "defB";

    public static string WireName => "V1";

    public static void Visit<TVisitor>(ref TVisitor v, ref DemoV1 x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("a", ref x.A);
        v.String("b", ref x.B);
        v.EndTable(table);
    }
}

internal sealed class DemoV2 : ISerdeStruct<DemoV2>
{
    public uint A = 1;
    public string B = "defB";
    public ushort C = 777;
    public byte? D;

    public static string WireName => "V2";

    public static void Visit<TVisitor>(ref TVisitor v, ref DemoV2 x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("a", ref x.A);
        v.String("b", ref x.B);
        v.Number("c", ref x.C);
        v.Field("d", ref x.D, default(OptionalValue<byte, Scalar<byte>>));
        v.EndTable(table);
    }
}

internal sealed class DemoW1 : ISerdeStruct<DemoW1>
{
    public DemoV1 V = new();
    public byte Tail;

    public static string WireName => "W1";

    public static void Visit<TVisitor>(ref TVisitor v, ref DemoW1 x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Struct("v", ref x.V);
        v.Number("tail", ref x.Tail);
        v.EndTable(table);
    }
}

internal sealed class DemoW2 : ISerdeStruct<DemoW2>
{
    public DemoV2 V = new();
    public byte Tail;

    public static string WireName => "W2";

    public static void Visit<TVisitor>(ref TVisitor v, ref DemoW2 x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Struct("v", ref x.V);
        v.Number("tail", ref x.Tail);
        v.EndTable(table);
    }
}

internal sealed class DemoUnknownVariantType : IDemoVariant, ISerdeStruct<DemoUnknownVariantType>
{
    public string Type = "";

    public static string WireName => "UnknownVariantType";

    public static void Visit<TVisitor>(ref TVisitor v, ref DemoUnknownVariantType x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("type", ref x.Type);
        v.EndTable(table);
    }
}
