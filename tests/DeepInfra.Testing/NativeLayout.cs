// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using DeepInfra.Core.Interop;

namespace DeepInfra.Testing;

/// <summary>What a native library says of the types of its interface.</summary>
public static unsafe class NativeLayout
{
    /// <summary>Type, field, size of the type and offset of the field, as the library's compiler laid them out.</summary>
    /// <param name="fields">What <c>di_AREA_abi_layout</c> returned.</param>
    /// <param name="count">Number of entries.</param>
    public static List<(string Type, string Field, int Size, int Offset)> Read(
        nint fields,
        int count
    )
    {
        List<(string, string, int, int)> entries = [];
        foreach (ref readonly var field in new ReadOnlySpan<NativeAbiField>((void*)fields, count))
            entries.Add(
                (
                    Marshal.PtrToStringUTF8((nint)field.TypeName)!,
                    Marshal.PtrToStringUTF8((nint)field.FieldName)!,
                    (int)field.TypeSize,
                    (int)field.FieldOffset
                )
            );
        return entries;
    }
}
