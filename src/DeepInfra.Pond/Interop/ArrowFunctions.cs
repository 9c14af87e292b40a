// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using DuckDB.NET.Native;

namespace DeepInfra.Pond.Interop;

/// <summary>
/// The table functions <c>pond_stream(id)</c>, over an <see cref="ArrowSource"/>, and <c>pond_rows(id, begin,
/// end)</c>, over <see cref="ArrowRows"/>: queries read record batches without an intermediate table.
/// </summary>
internal static unsafe class ArrowFunctions
{
    public const string Stream = "pond_stream";
    public const string Rows = "pond_rows";
    private const int BigInt = 5;

    /// <summary>Gives the functions to all connections of an instance.</summary>
    public static void Register(DuckDBNativeConnection connection)
    {
        Register(connection, Stream, 1, &BindStream, &InitStream, &RunStream);
        Register(connection, Rows, 3, &BindRows, &InitRows, &RunRows);
    }

    private static void Register(
        DuckDBNativeConnection connection,
        string name,
        int parameters,
        delegate* unmanaged[Cdecl]<nint, void> bind,
        delegate* unmanaged[Cdecl]<nint, void> init,
        delegate* unmanaged[Cdecl]<nint, nint, void> run
    )
    {
        var handle = connection.DangerousGetHandle();
        var function = DuckNative.CreateTableFunction();
        try
        {
            fixed (byte* text = Encoding.UTF8.GetBytes(name + "\0"))
            {
                DuckNative.TableFunctionSetName(function, text);
            }

            var type = DuckNative.CreateLogicalType(BigInt);
            for (var i = 0; i < parameters; i++)
            {
                DuckNative.TableFunctionAddParameter(function, type);
            }

            DuckNative.DestroyLogicalType(&type);
            DuckNative.TableFunctionSetExtraInfo(function, handle, null);
            DuckNative.TableFunctionSetBind(function, bind);
            DuckNative.TableFunctionSetInit(function, init);
            DuckNative.TableFunctionSetFunction(function, run);
            if (DuckNative.RegisterTableFunction(handle, function) != 0)
            {
                throw new InvalidOperationException($"DuckDB refused the table function {name}.");
            }
        }
        finally
        {
            DuckNative.DestroyTableFunction(&function);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void BindStream(nint info)
    {
        try
        {
            var id = Parameter(info, 0);
            ArrowSource.Get(id).Bind(info);
            DuckNative.BindSetBindData(info, (nint)id, null);
        }
        catch (Exception e)
        {
            Fail(info, e, &DuckNative.BindSetError);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void InitStream(nint info) => DuckNative.InitSetMaxThreads(info, 1);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void RunStream(nint info, nint output)
    {
        ArrowSource? source = null;
        try
        {
            source = ArrowSource.Get(DuckNative.FunctionGetBindData(info));
            source.Fill(output);
        }
        catch (Exception e)
        {
            if (source is not null)
            {
                source.Error ??= e;
            }

            Fail(info, e, &DuckNative.FunctionSetError);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void BindRows(nint info)
    {
        try
        {
            var range = new ArrowRange(
                ArrowRows.Get(Parameter(info, 0)),
                Parameter(info, 1),
                Parameter(info, 2)
            );
            using (
                var chunks = new ArrowChunks(DuckNative.BindGetExtraInfo(info), range.Rows.Schema)
            )
            {
                chunks.Bind(info);
            }

            DuckNative.BindSetCardinality(info, (ulong)(range.End - range.Begin), 1);
            DuckNative.BindSetBindData(info, Keep(range), &Drop);
        }
        catch (Exception e)
        {
            Fail(info, e, &DuckNative.BindSetError);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void InitRows(nint info)
    {
        try
        {
            var range = Kept<ArrowRange>(DuckNative.InitGetBindData(info));
#pragma warning disable CA2000 // DuckDB drops it
            var scan = new ArrowScan(range, DuckNative.InitGetExtraInfo(info));
#pragma warning restore CA2000
            DuckNative.InitSetMaxThreads(info, (ulong)scan.Chunks);
            DuckNative.InitSetInitData(info, Keep(scan), &Drop);
        }
        catch (Exception e)
        {
            Fail(info, e, &DuckNative.InitSetError);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void RunRows(nint info, nint output)
    {
        try
        {
            Kept<ArrowScan>(DuckNative.FunctionGetInitData(info)).Fill(output);
        }
        catch (Exception e)
        {
            Fail(info, e, &DuckNative.FunctionSetError);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Drop(nint kept)
    {
        var handle = GCHandle.FromIntPtr(kept);
        (handle.Target as IDisposable)?.Dispose();
        handle.Free();
    }

    private static long Parameter(nint info, ulong index)
    {
        var value = DuckNative.BindGetParameter(info, index);
        var number = DuckNative.GetInt64(value);
        DuckNative.DestroyValue(&value);
        return number;
    }

    private static nint Keep(object value) => GCHandle.ToIntPtr(GCHandle.Alloc(value));

    private static T Kept<T>(nint handle) => (T)GCHandle.FromIntPtr(handle).Target!;

    private static void Fail(nint info, Exception error, delegate* <nint, byte*, void> set)
    {
        fixed (byte* message = Encoding.UTF8.GetBytes(error.Message + "\0"))
        {
            set(info, message);
        }
    }
}
