// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Cuda;

public sealed unsafe partial class CudaKernel
{
    /// <summary>Launches with one parameter.</summary>
    /// <inheritdoc cref="Launch(in LaunchConfig, CudaStream, void**)"/>
    public void Launch<T1>(in LaunchConfig config, CudaStream stream, T1 p1)
        where T1 : unmanaged
    {
        var parameters = stackalloc void*[] { &p1 };
        Launch(config, stream, parameters);
    }

    /// <summary>Launches with two parameters.</summary>
    /// <inheritdoc cref="Launch(in LaunchConfig, CudaStream, void**)"/>
    public void Launch<T1, T2>(in LaunchConfig config, CudaStream stream, T1 p1, T2 p2)
        where T1 : unmanaged
        where T2 : unmanaged
    {
        var parameters = stackalloc void*[] { &p1, &p2 };
        Launch(config, stream, parameters);
    }

    /// <summary>Launches with three parameters.</summary>
    /// <inheritdoc cref="Launch(in LaunchConfig, CudaStream, void**)"/>
    public void Launch<T1, T2, T3>(in LaunchConfig config, CudaStream stream, T1 p1, T2 p2, T3 p3)
        where T1 : unmanaged
        where T2 : unmanaged
        where T3 : unmanaged
    {
        var parameters = stackalloc void*[] { &p1, &p2, &p3 };
        Launch(config, stream, parameters);
    }

    /// <summary>Launches with four parameters.</summary>
    /// <inheritdoc cref="Launch(in LaunchConfig, CudaStream, void**)"/>
    public void Launch<T1, T2, T3, T4>(
        in LaunchConfig config,
        CudaStream stream,
        T1 p1,
        T2 p2,
        T3 p3,
        T4 p4
    )
        where T1 : unmanaged
        where T2 : unmanaged
        where T3 : unmanaged
        where T4 : unmanaged
    {
        var parameters = stackalloc void*[] { &p1, &p2, &p3, &p4 };
        Launch(config, stream, parameters);
    }

    /// <summary>Launches with five parameters.</summary>
    /// <inheritdoc cref="Launch(in LaunchConfig, CudaStream, void**)"/>
    public void Launch<T1, T2, T3, T4, T5>(
        in LaunchConfig config,
        CudaStream stream,
        T1 p1,
        T2 p2,
        T3 p3,
        T4 p4,
        T5 p5
    )
        where T1 : unmanaged
        where T2 : unmanaged
        where T3 : unmanaged
        where T4 : unmanaged
        where T5 : unmanaged
    {
        var parameters = stackalloc void*[] { &p1, &p2, &p3, &p4, &p5 };
        Launch(config, stream, parameters);
    }

    /// <summary>Launches with six parameters.</summary>
    /// <inheritdoc cref="Launch(in LaunchConfig, CudaStream, void**)"/>
    public void Launch<T1, T2, T3, T4, T5, T6>(
        in LaunchConfig config,
        CudaStream stream,
        T1 p1,
        T2 p2,
        T3 p3,
        T4 p4,
        T5 p5,
        T6 p6
    )
        where T1 : unmanaged
        where T2 : unmanaged
        where T3 : unmanaged
        where T4 : unmanaged
        where T5 : unmanaged
        where T6 : unmanaged
    {
        var parameters = stackalloc void*[] { &p1, &p2, &p3, &p4, &p5, &p6 };
        Launch(config, stream, parameters);
    }

    /// <summary>Launches with seven parameters.</summary>
    /// <inheritdoc cref="Launch(in LaunchConfig, CudaStream, void**)"/>
    public void Launch<T1, T2, T3, T4, T5, T6, T7>(
        in LaunchConfig config,
        CudaStream stream,
        T1 p1,
        T2 p2,
        T3 p3,
        T4 p4,
        T5 p5,
        T6 p6,
        T7 p7
    )
        where T1 : unmanaged
        where T2 : unmanaged
        where T3 : unmanaged
        where T4 : unmanaged
        where T5 : unmanaged
        where T6 : unmanaged
        where T7 : unmanaged
    {
        var parameters = stackalloc void*[] { &p1, &p2, &p3, &p4, &p5, &p6, &p7 };
        Launch(config, stream, parameters);
    }

    /// <summary>Launches with eight parameters.</summary>
    /// <inheritdoc cref="Launch(in LaunchConfig, CudaStream, void**)"/>
    public void Launch<T1, T2, T3, T4, T5, T6, T7, T8>(
        in LaunchConfig config,
        CudaStream stream,
        T1 p1,
        T2 p2,
        T3 p3,
        T4 p4,
        T5 p5,
        T6 p6,
        T7 p7,
        T8 p8
    )
        where T1 : unmanaged
        where T2 : unmanaged
        where T3 : unmanaged
        where T4 : unmanaged
        where T5 : unmanaged
        where T6 : unmanaged
        where T7 : unmanaged
        where T8 : unmanaged
    {
        var parameters = stackalloc void*[] { &p1, &p2, &p3, &p4, &p5, &p6, &p7, &p8 };
        Launch(config, stream, parameters);
    }
}
