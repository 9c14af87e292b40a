// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Globalization;

namespace DeepInfra.Pond.Plan;

/// <summary>Finds the line of user code that builds a plan node.</summary>
internal static class CallSite
{
    public static string? Find()
    {
        var trace = new StackTrace(1, fNeedFileInfo: true);
        for (var i = 0; i < trace.FrameCount && i < 32; i++)
        {
            var frame = trace.GetFrame(i)!;
            var method = DiagnosticMethodInfo.Create(frame);
            if (
                method is null
                || method.DeclaringAssemblyName.StartsWith(
                    "DeepInfra.Pond,",
                    StringComparison.Ordinal
                )
                || method.DeclaringAssemblyName.StartsWith(
                    "DeepInfra.Pond.Text,",
                    StringComparison.Ordinal
                )
            )
            {
                continue;
            }

            var file = frame.GetFileName();
            return file is null
                ? null
                : Path.GetFileName(file)
                    + ":"
                    + frame.GetFileLineNumber().ToString(CultureInfo.InvariantCulture);
        }

        return null;
    }
}
