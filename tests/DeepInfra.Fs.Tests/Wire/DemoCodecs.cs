// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Tests.Wire;

internal readonly struct DemoBigEndian : ISerdeCodec<ulong>
{
    public static int MinimumBytes => 8;

    public static void Visit<TVisitor>(ref TVisitor v, ref ulong value)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        if (typeof(TVisitor) == typeof(JsonDumper) || typeof(TVisitor) == typeof(JsonLoader))
        {
            v.Scalar(ref value);
            return;
        }

        var reversed = BinaryPrimitives.ReverseEndianness(value);
        v.Scalar(ref reversed);
        value = BinaryPrimitives.ReverseEndianness(reversed);
    }
}

internal record struct DemoPair(byte First, string Second);

internal readonly struct DemoPairCodec : ISerdeCodec<DemoPair>
{
    public static int MinimumBytes => 2;

    public static void Visit<TVisitor>(ref TVisitor v, ref DemoPair value)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var first = value.First;
        var second = value.Second;
        v.BeginPair();
        v.Scalar(ref first);
        v.Text(ref second);
        v.EndPair();
        value = new DemoPair(first, second);
    }
}

internal readonly struct DemoVariantCodec : ISerdeCodec<IDemoVariant>
{
    public static int MinimumBytes => 2;

    public static void Visit<TVisitor>(ref TVisitor v, ref IDemoVariant value)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var name = value switch
        {
            DemoPoint => "Point",
            DemoEmpty => "Empty",
            DemoNest => "Nest",
            DemoUnknownVariantType => "UnknownVariantType",
            _ => "",
        };
        v.VariantName(ref name);
        switch (name)
        {
            case "Point":
                v.Alternative<TVisitor, IDemoVariant, DemoPoint>(ref value);
                break;
            case "Empty":
                v.Alternative<TVisitor, IDemoVariant, DemoEmpty>(ref value);
                break;
            case "Nest":
                v.Alternative<TVisitor, IDemoVariant, DemoNest>(ref value);
                break;
            case "UnknownVariantType":
                v.Alternative<TVisitor, IDemoVariant, DemoUnknownVariantType>(ref value);
                break;
            default:
                SerdeException.ThrowUnknownVariant("demo", name);
                break;
        }

        v.EndVariant();
    }
}

/// <summary>A variant with a fallback: an unknown name is kept, and its value is not skipped.</summary>
internal readonly struct DemoFallbackCodec : ISerdeCodec<IDemoVariant>
{
    public static int MinimumBytes => 2;

    public static void Visit<TVisitor>(ref TVisitor v, ref IDemoVariant value)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        if (typeof(TVisitor) == typeof(SerdeReader))
        {
            var probe = v;
            var name = "";
            probe.VariantName(ref name);
            if (name is not ("Point" or "Empty" or "UnknownVariantType"))
            {
                v = probe;
                value = new DemoUnknownVariantType { Type = name };
                return;
            }
        }

        DemoVariantCodec.Visit(ref v, ref value);
    }
}
