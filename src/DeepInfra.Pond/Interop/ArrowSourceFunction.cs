// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using DuckDB.NET.Native;

namespace DeepInfra.Pond.Interop;

/// <summary>
/// The table function <c>pond_arrow(id)</c>: streams the record batches of an <see cref="ArrowSource"/> into
/// a query without an intermediate table. Vectors refer to the Arrow buffers where DuckDB's layout allows.
/// </summary>
internal static unsafe class ArrowSourceFunction
{
    private const int BigInt = 5;

    public static void Register(DuckDBNativeConnection connection)
    {
        var function = DuckNative.CreateTableFunction();
        try
        {
            fixed (byte* name = "pond_arrow\0"u8)
            {
                DuckNative.TableFunctionSetName(function, name);
            }

            var type = DuckNative.CreateLogicalType(BigInt);
            DuckNative.TableFunctionAddParameter(function, type);
            DuckNative.DestroyLogicalType(&type);
            DuckNative.TableFunctionSetBind(function, &Bind);
            DuckNative.TableFunctionSetInit(function, &Init);
            DuckNative.TableFunctionSetFunction(function, &Body);
            if (DuckNative.RegisterTableFunction(connection.DangerousGetHandle(), function) != 0)
            {
                throw new InvalidOperationException(
                    "DuckDB refused the table function pond_arrow."
                );
            }
        }
        finally
        {
            DuckNative.DestroyTableFunction(&function);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Bind(nint info)
    {
        try
        {
            var value = DuckNative.BindGetParameter(info, 0);
            var id = DuckNative.GetInt64(value);
            DuckNative.DestroyValue(&value);
            var source =
                ArrowSource.Find(id)
                ?? throw new InvalidOperationException($"There is no Arrow source {id}.");
            source.Bind(info);
            DuckNative.BindSetBindData(info, (nint)id, null);
        }
        catch (Exception e)
        {
            fixed (byte* message = Encoding.UTF8.GetBytes(e.Message + "\0"))
            {
                DuckNative.BindSetError(info, message);
            }
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Init(nint info) => DuckNative.InitSetMaxThreads(info, 1);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Body(nint info, nint output)
    {
        ArrowSource? source = null;
        try
        {
            source =
                ArrowSource.Find(DuckNative.FunctionGetBindData(info))
                ?? throw new InvalidOperationException("The Arrow source has been closed.");
            source.Fill(output);
        }
        catch (Exception e)
        {
            if (source is not null)
            {
                source.Error ??= e;
            }

            fixed (byte* message = Encoding.UTF8.GetBytes(e.Message + "\0"))
            {
                DuckNative.FunctionSetError(info, message);
            }
        }
    }
}
