// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace DeepInfra.NativeLoading.Tests.Fakes;

/// <summary>Controls the fake driver of this process.</summary>
internal static unsafe class FakeControl
{
    private static readonly Lazy<nint> s_library = new(() => NativeLibrary.Load("libcuda.so.1"));

    /// <summary>What the driver was asked since the last time, one call a line.</summary>
    public static string[] TakeLog()
    {
        var text = Marshal.PtrToStringUTF8((nint)((delegate* unmanaged<byte*>)Find("fake_log"))())!;
        ((delegate* unmanaged<void>)Find("fake_clear_log"))();
        return text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>Makes the driver behave in some way until the result is disposed.</summary>
    public static IDisposable Set(string knob, int value)
    {
        SetValue(knob, value);
        return new Reset(knob);
    }

    private static void SetValue(string knob, int value)
    {
        var name = Marshal.StringToCoTaskMemUTF8(knob);
        ((delegate* unmanaged<byte*, int, void>)Find("fake_set"))((byte*)name, value);
        Marshal.FreeCoTaskMem(name);
    }

    private static nint Find(string function) => NativeLibrary.GetExport(s_library.Value, function);

    private sealed class Reset(string knob) : IDisposable
    {
        public void Dispose() => SetValue(knob, 0);
    }
}
