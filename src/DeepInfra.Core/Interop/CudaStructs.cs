// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace DeepInfra.Core.Interop;

/// <summary><c>CUlaunchConfig</c>: 56 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct CudaLaunchConfig
{
    public uint GridX;
    public uint GridY;
    public uint GridZ;
    public uint BlockX;
    public uint BlockY;
    public uint BlockZ;
    public uint SharedMemoryBytes;
    public nint Stream;
    public CudaLaunchAttribute* Attributes;
    public uint AttributeCount;
}

/// <summary><c>CUlaunchAttribute</c>: an id and a value of 64 bytes at offset 8, 72 bytes.</summary>
[StructLayout(LayoutKind.Explicit, Size = 72)]
internal struct CudaLaunchAttribute
{
    public const uint Cooperative = 2;
    public const uint ClusterDimension = 4;
    public const uint ProgrammaticStreamSerialization = 6;
    public const uint Priority = 8;

    [FieldOffset(0)]
    public uint Id;

    [FieldOffset(8)]
    public uint X;

    [FieldOffset(12)]
    public uint Y;

    [FieldOffset(16)]
    public uint Z;
}

/// <summary><c>CUDA_MEMCPY2D</c>: 128 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct CudaMemcpy2D
{
    public const int Host = 1;
    public const int Device = 2;

    public nuint SourceXBytes;
    public nuint SourceY;
    public int SourceType;
    public nint SourceHost;
    public ulong SourceDevice;
    public nint SourceArray;
    public nuint SourcePitch;
    public nuint DestinationXBytes;
    public nuint DestinationY;
    public int DestinationType;
    public nint DestinationHost;
    public ulong DestinationDevice;
    public nint DestinationArray;
    public nuint DestinationPitch;
    public nuint WidthBytes;
    public nuint Height;
}

/// <summary><c>CUmemAccessDesc</c>: 12 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct CudaMemoryAccess
{
    public const int DeviceLocation = 1;
    public const int ReadWrite = 3;

    public int LocationType;
    public int LocationId;
    public int Flags;
}

/// <summary><c>CUgraphExecUpdateResultInfo</c>: 24 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct CudaGraphUpdateInfo
{
    public int Result;
    public nint ErrorNode;
    public nint ErrorFromNode;
}

/// <summary><c>CUipcMemHandle</c>: 64 opaque bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct CudaIpcBytes
{
    public const int Length = 64;

    public fixed byte Bytes[Length];
}
