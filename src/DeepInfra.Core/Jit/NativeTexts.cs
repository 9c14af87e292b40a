// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace DeepInfra.Core.Jit;

/// <summary>Zero-terminated UTF-8 copies of texts, and arrays of them, until disposed.</summary>
internal sealed unsafe class NativeTexts : IDisposable
{
    private readonly List<nint> _blocks = [];

    public byte* Add(string text)
    {
        var copy = Marshal.StringToCoTaskMemUTF8(text);
        _blocks.Add(copy);
        return (byte*)copy;
    }

    public byte** Add(IEnumerable<string> texts)
    {
        var all = texts.ToArray();
        if (all.Length == 0)
            return null;
        var array = Marshal.AllocCoTaskMem(all.Length * sizeof(nint));
        _blocks.Add(array);
        for (var i = 0; i < all.Length; i++)
            ((byte**)array)[i] = Add(all[i]);
        return (byte**)array;
    }

    public void Dispose()
    {
        foreach (var block in _blocks)
            Marshal.FreeCoTaskMem(block);
        _blocks.Clear();
    }
}
