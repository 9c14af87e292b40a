// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace DeepInfra.Core.Interop;

/// <summary>NVRTC's functions, bound by name. Thread-safe per program.</summary>
internal sealed unsafe class NvrtcApi
{
    public const int Success = 0;
    public const int OutOfMemory = 1;
    public const int CompilationError = 6;
    public const int BuiltinOperationFailure = 7;

    private readonly LoadedLibrary _library;
    private readonly delegate* unmanaged<nint*, byte*, byte*, int, byte**, byte**, int> _create;
    private readonly delegate* unmanaged<nint, byte*, int> _addExpression;
    private readonly delegate* unmanaged<nint, int, byte**, int> _compile;
    private readonly delegate* unmanaged<nint, byte*, byte**, int> _loweredName;
    private readonly delegate* unmanaged<nint*, int> _destroy;
    private readonly delegate* unmanaged<int, byte*> _errorText;
    private readonly SizedOutput _cubin;
    private readonly SizedOutput _ptx;
    private readonly SizedOutput _log;

    public NvrtcApi(LoadedLibrary library)
    {
        _library = library;
        _create = (delegate* unmanaged<nint*, byte*, byte*, int, byte**, byte**, int>)Find(
            "nvrtcCreateProgram"
        );
        _addExpression = (delegate* unmanaged<nint, byte*, int>)Find("nvrtcAddNameExpression");
        _compile = (delegate* unmanaged<nint, int, byte**, int>)Find("nvrtcCompileProgram");
        _loweredName = (delegate* unmanaged<nint, byte*, byte**, int>)Find("nvrtcGetLoweredName");
        _destroy = (delegate* unmanaged<nint*, int>)Find("nvrtcDestroyProgram");
        _errorText = (delegate* unmanaged<int, byte*>)Find("nvrtcGetErrorString");
        _cubin = new SizedOutput(Find("nvrtcGetCUBINSize"), Find("nvrtcGetCUBIN"));
        _ptx = new SizedOutput(Find("nvrtcGetPTXSize"), Find("nvrtcGetPTX"));
        _log = new SizedOutput(Find("nvrtcGetProgramLogSize"), Find("nvrtcGetProgramLog"));
        int major = 0,
            minor = 0;
        _ = ((delegate* unmanaged<int*, int*, int>)Find("nvrtcVersion"))(&major, &minor);
        Version = new Version(major, minor);
    }

    public string Path => _library.Path;

    public Version Version { get; }

    /// <summary>The targets that the compiler knows, as numbers; empty if it cannot say.</summary>
    public int[] SupportedArchitectures()
    {
        if (
            !NativeLibrary.TryGetExport(
                _library.Handle,
                "nvrtcGetNumSupportedArchs",
                out var getCount
            ) || !NativeLibrary.TryGetExport(_library.Handle, "nvrtcGetSupportedArchs", out var get)
        )
            return [];
        int count = 0;
        if (((delegate* unmanaged<int*, int>)getCount)(&count) != Success || count <= 0)
            return [];
        var numbers = new int[count];
        fixed (int* pointer = numbers)
            return ((delegate* unmanaged<int*, int>)get)(pointer) == Success ? numbers : [];
    }

    public int CreateProgram(
        nint* program,
        byte* source,
        byte* name,
        int headerCount,
        byte** headers,
        byte** headerNames
    ) => _create(program, source, name, headerCount, headers, headerNames);

    public int AddNameExpression(nint program, byte* expression) =>
        _addExpression(program, expression);

    public int Compile(nint program, int optionCount, byte** options) =>
        _compile(program, optionCount, options);

    public void Destroy(nint program) => _ = _destroy(&program);

    public string ErrorText(int status) =>
        Marshal.PtrToStringUTF8((nint)_errorText(status)) ?? $"nvrtcResult {status}";

    public int GetCubin(nint program, out byte[] cubin) => _cubin.Get(program, out cubin);

    public int GetPtx(nint program, out byte[] ptx) => _ptx.Get(program, out ptx);

    public string GetLog(nint program) =>
        _log.Get(program, out var bytes) == Success
            ? System.Text.Encoding.UTF8.GetString(bytes).TrimEnd('\0', '\n', ' ')
            : "";

    public int GetLoweredName(nint program, byte* expression, out string? name)
    {
        byte* text = null;
        var status = _loweredName(program, expression, &text);
        name = status == Success ? Marshal.PtrToStringUTF8((nint)text) : null;
        return status;
    }

    private nint Find(string function) =>
        NativeLibrary.TryGetExport(_library.Handle, function, out var address)
            ? address
            : throw new NativeLibraryNotFoundException(
                "NVRTC",
                "Install NVRTC 12.3 or newer.",
                [$"{_library.Path}: no {function}"]
            );

    private readonly struct SizedOutput(nint getSize, nint get)
    {
        public int Get(nint program, out byte[] bytes)
        {
            bytes = [];
            nuint size = 0;
            var status = ((delegate* unmanaged<nint, nuint*, int>)getSize)(program, &size);
            if (status != Success)
                return status;
            bytes = new byte[checked((int)size)];
            fixed (byte* pointer = bytes)
                return size == 0
                    ? Success
                    : ((delegate* unmanaged<nint, byte*, int>)get)(program, pointer);
        }
    }
}
