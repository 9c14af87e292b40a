// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text;
using DeepInfra.Core.Interop;

namespace DeepInfra.Core.Cuda;

/// <summary>What the status codes of the driver are called, mean and ask for.</summary>
internal static class CudaErrors
{
    /// <summary>
    /// True for errors that the driver returns from every later call of the process: the context is lost, and its memory
    /// with it.
    /// </summary>
    public static bool IsSticky(CudaErrorCode code) =>
        code
            is CudaErrorCode.EccUncorrectable
                or CudaErrorCode.NvlinkUncorrectable
                or CudaErrorCode.IllegalAddress
                or CudaErrorCode.LaunchTimeout
                or CudaErrorCode.Assert
                or CudaErrorCode.HardwareStackError
                or CudaErrorCode.IllegalInstruction
                or CudaErrorCode.MisalignedAddress
                or CudaErrorCode.InvalidAddressSpace
                or CudaErrorCode.InvalidPc
                or CudaErrorCode.LaunchFailed
                or CudaErrorCode.ContextIsDestroyed
                or CudaErrorCode.ExternalDevice;

    /// <summary>The name in NVIDIA's headers, such as CUDA_ERROR_OUT_OF_MEMORY.</summary>
    public static string NameOf(CudaErrorCode code)
    {
        if (!Enum.IsDefined(code))
            return string.Create(CultureInfo.InvariantCulture, $"CUresult {(int)code}");
        var name = new StringBuilder(code == CudaErrorCode.Success ? "CUDA" : "CUDA_ERROR");
        foreach (var c in code.ToString())
        {
            if (char.IsUpper(c))
                name.Append('_');
            name.Append(char.ToUpperInvariant(c));
        }
        return name.ToString();
    }

    /// <summary>What to do about it.</summary>
    public static string HintFor(CudaErrorCode code) =>
        (
            Environment.GetEnvironmentVariable(CudaApi.SelectVariable) == "sim"
                ? OnSimulator(code)
                : null
        ) ?? OnHardware(code);

    // Where the remedy on the simulator is another one.
    private static string? OnSimulator(CudaErrorCode code) =>
        code switch
        {
            CudaErrorCode.OutOfMemory =>
                "Dispose tensors that are no longer needed, use smaller batches, or give the simulated device more by DEEPINFRA_CUDASIM_MEMORY_MIB; if the simulator reports that this machine has no memory, run less at a time.",
            CudaErrorCode.InvalidDevice =>
                "Use an ordinal below CudaDevice.Count; DEEPINFRA_CUDASIM_DEVICES sets it.",
            CudaErrorCode.NoBinaryForGpu or CudaErrorCode.InvalidImage =>
                $"The simulator runs no machine code of a GPU, and of images only those of its own version. {CudaApi.SimulatorRemedy}",
            _ when IsSticky(code) =>
                "The simulator's report names the check that failed, the thread and the line. The device is lost to this process and its memory with it: restart the process. DEEPINFRA_DEBUG_SYNC=1 lets the call fail that launched the kernel.",
            _ => null,
        };

    private static string OnHardware(CudaErrorCode code) =>
        code switch
        {
            CudaErrorCode.OutOfMemory =>
                "Dispose tensors that are no longer needed, use smaller batches, or see with nvidia-smi who else uses the device.",
            CudaErrorCode.NoDevice =>
                "Check that nvidia-smi lists a device, that the container was started with GPU access, and CUDA_VISIBLE_DEVICES; or use Device.Cpu.",
            CudaErrorCode.InvalidDevice =>
                "Use an ordinal below CudaDevice.Count; CUDA_VISIBLE_DEVICES renumbers devices.",
            CudaErrorCode.StubLibrary =>
                "A stub of libcuda.so.1 from a toolkit hides the real one: take the toolkit's stubs folder out of LD_LIBRARY_PATH.",
            CudaErrorCode.DeviceUnavailable =>
                "Another process holds the device exclusively; see nvidia-smi, compute mode.",
            CudaErrorCode.NoBinaryForGpu or CudaErrorCode.InvalidImage =>
                "The image has no code for the compute capability of this device, or the driver is older than the compiler: build for this device or update the driver.",
            CudaErrorCode.UnsupportedPtxVersion =>
                "The PTX is newer than the driver: update the driver or compile with an older toolkit.",
            CudaErrorCode.LaunchOutOfResources =>
                "Fewer threads per block, less dynamic shared memory, or a kernel with fewer registers.",
            CudaErrorCode.CooperativeLaunchTooLarge =>
                "Launch at most CudaKernel.GetMaxActiveBlocks times CudaDevice.MultiprocessorCount blocks.",
            CudaErrorCode.InvalidClusterSize =>
                "The grid must be a multiple of the cluster, and clusters above 8 need AllowNonPortableClusterSize.",
            CudaErrorCode.SystemDriverMismatch =>
                "The kernel module and libcuda are of different versions: reboot, or install matching ones.",
            CudaErrorCode.SystemNotReady =>
                "Start nvidia-fabricmanager; machines with NVSwitch need it.",
            CudaErrorCode.PeerAccessUnsupported =>
                "The devices cannot address each other: see nvidia-smi topo -p2p r.",
            >= CudaErrorCode.StreamCaptureUnsupported
            and <= CudaErrorCode.StreamCaptureWrongThread =>
                "Inside a capture nothing may synchronise, allocate or use the legacy stream; end the capture on the stream and thread that began it.",
            _ when IsSticky(code) =>
                "The device is lost to this process and its memory with it: restart the process. DEEPINFRA_DEBUG_SYNC=1 names the kernel; compute-sanitizer finds the instruction.",
            _ => "",
        };
}
