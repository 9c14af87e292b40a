// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Tests.Fixtures;

internal static class Tolerances
{
    /// <summary>Gradients summed over two copies of a stage, against one running sum; Float32.</summary>
    public const double ReplicaSumCosine = 1e-13;
    public const double ReplicaSumRelative = 1e-6;

    public const double BFloat16LossRelative = 1e-2;
    public const double BFloat16GradientCosine = 1e-3;

    /// <summary>1 - 2 x.y / (x.x + y.y) in Float64.</summary>
    public static double CosineDifference(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        double xy = 0,
            xx = 0,
            yy = 0;
        for (var i = 0; i < x.Length; i++)
        {
            xy += (double)x[i] * y[i];
            xx += (double)x[i] * x[i];
            yy += (double)y[i] * y[i];
        }

        return xx + yy == 0 ? 0 : 1 - (2 * xy / (xx + yy));
    }

    /// <summary>Largest absolute error over largest absolute value.</summary>
    public static double RelativeError(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        double error = 0,
            largest = 0;
        for (var i = 0; i < x.Length; i++)
        {
            error = Math.Max(error, Math.Abs((double)x[i] - y[i]));
            largest = Math.Max(largest, Math.Abs((double)y[i]));
        }

        return largest == 0 ? error : error / largest;
    }
}
