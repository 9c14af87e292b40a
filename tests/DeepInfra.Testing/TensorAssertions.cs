// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Runtime.InteropServices;
using DeepInfra.Core;

namespace DeepInfra.Testing;

/// <summary>Comparisons that say where and by how much a result is off.</summary>
public static class TensorAssertions
{
    /// <summary>Checks positions of NaN and infinities, then every element, then the difference.</summary>
    /// <param name="actual">The result.</param>
    /// <param name="expected">The reference.</param>
    /// <param name="tolerance">From <see cref="Tolerances"/>.</param>
    /// <param name="what">Named in the failure message.</param>
    public static void ShouldBeClose<TA, TE>(
        ReadOnlySpan<TA> actual,
        ReadOnlySpan<TE> expected,
        Tolerance tolerance,
        string what = "result"
    )
        where TA : unmanaged
        where TE : unmanaged
    {
        ArgumentNullException.ThrowIfNull(tolerance);
        if (actual.Length != expected.Length)
            Fail($"{what}: expected {expected.Length} elements, got {actual.Length}");
        var special = Metrics.FirstSpecialMismatch(actual, expected);
        if (special >= 0)
            Fail(
                $"{what}[{special}]: expected {ElementConvert.ToDouble(expected[special])}, got {ElementConvert.ToDouble(actual[special])}"
            );

        var failures = 0;
        var first = "";
        double squares = 0;
        for (var i = 0; i < actual.Length; i++)
        {
            var (a, e) = (ElementConvert.ToDouble(actual[i]), ElementConvert.ToDouble(expected[i]));
            if (!double.IsFinite(e))
                continue;
            squares += e * e;
            var absolute = Math.Abs(a - e);
            var relative = absolute / (Math.Abs(e) + 1e-6);
            if (absolute < tolerance.Absolute || relative < tolerance.Relative)
                continue;
            if (failures++ == 0)
                first =
                    $"first at [{i}]: expected {e:R}, got {a:R} (absolute {absolute:G3}, relative {relative:G3})";
        }
        if (failures > 0)
            Fail($"{what}: {failures} of {actual.Length} elements off, {first}; {tolerance}");

        // Of a reference that is all but zero the quotient says nothing.
        if (squares < 1e-12)
            return;
        var difference = Metrics.Difference(actual, expected);
        if (!(difference < tolerance.Difference))
            Fail(
                $"{what}: difference {difference:G3} is not below {tolerance.Difference:G3} (max absolute {Metrics.MaxAbsolute(actual, expected):G3})"
            );
    }

    /// <inheritdoc cref="ShouldBeClose{TA, TE}(ReadOnlySpan{TA}, ReadOnlySpan{TE}, Tolerance, string)"/>
    public static void ShouldBeClose<TA, TE>(
        Tensor<TA> actual,
        Tensor<TE> expected,
        Tolerance tolerance,
        string what = "result"
    )
        where TA : unmanaged
        where TE : unmanaged
    {
        CheckShapes(actual, expected, what);
        ShouldBeClose<TA, TE>(actual.ToArray(), expected.ToArray(), tolerance, what);
    }

    /// <summary>Checks that both hold the same bytes.</summary>
    public static void ShouldBeBitEqual<T>(
        ReadOnlySpan<T> actual,
        ReadOnlySpan<T> expected,
        string what = "result"
    )
        where T : unmanaged
    {
        if (actual.Length != expected.Length)
            Fail($"{what}: expected {expected.Length} elements, got {actual.Length}");
        if (MemoryMarshal.AsBytes(actual).SequenceEqual(MemoryMarshal.AsBytes(expected)))
            return;
        var failures = 0;
        var first = -1;
        for (var i = 0; i < actual.Length; i++)
        {
            var same = MemoryMarshal
                .AsBytes(actual.Slice(i, 1))
                .SequenceEqual(MemoryMarshal.AsBytes(expected.Slice(i, 1)));
            if (!same && failures++ == 0)
                first = i;
        }
        Fail(
            $"{what}: {failures} of {actual.Length} elements differ, first at [{first}]: expected {expected[first]} (0x{Hex(expected[first])}), got {actual[first]} (0x{Hex(actual[first])})"
        );
    }

    /// <inheritdoc cref="ShouldBeBitEqual{T}(ReadOnlySpan{T}, ReadOnlySpan{T}, string)"/>
    public static void ShouldBeBitEqual<T>(
        Tensor<T> actual,
        Tensor<T> expected,
        string what = "result"
    )
        where T : unmanaged
    {
        CheckShapes(actual, expected, what);
        ShouldBeBitEqual<T>(actual.ToArray(), expected.ToArray(), what);
    }

    private static void CheckShapes(Tensor actual, Tensor expected, string what)
    {
        ArgumentNullException.ThrowIfNull(actual);
        ArgumentNullException.ThrowIfNull(expected);
        if (actual.Shape != expected.Shape)
            Fail($"{what}: expected shape {expected.Shape}, got {actual.Shape}");
    }

    private static string Hex<T>(T value)
        where T : unmanaged
    {
        var bytes = MemoryMarshal.AsBytes(new ReadOnlySpan<T>(ref value)).ToArray();
        Array.Reverse(bytes);
        return Convert.ToHexString(bytes);
    }

    [System.Diagnostics.CodeAnalysis.DoesNotReturn]
    private static void Fail(FormattableString message)
    {
        Assert.Fail(message.ToString(CultureInfo.InvariantCulture));
        throw new InvalidOperationException("Not reached.");
    }
}
