// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Cuda;

/// <summary>Status codes of the CUDA driver (<c>CUresult</c>); values without a name may occur with newer drivers.</summary>
public enum CudaErrorCode
{
    /// <summary>No error.</summary>
    Success = 0,

    /// <summary>An argument is out of range.</summary>
    InvalidValue = 1,

    /// <summary>The device has not enough free memory.</summary>
    OutOfMemory = 2,

    /// <summary>The driver is not initialised.</summary>
    NotInitialized = 3,

    /// <summary>The driver is shutting down.</summary>
    Deinitialized = 4,

    /// <summary>The driver is a stub library.</summary>
    StubLibrary = 34,

    /// <summary>The device is in use by another process or not available.</summary>
    DeviceUnavailable = 46,

    /// <summary>There is no CUDA device.</summary>
    NoDevice = 100,

    /// <summary>The ordinal or handle is no valid device.</summary>
    InvalidDevice = 101,

    /// <summary>The image is malformed.</summary>
    InvalidImage = 200,

    /// <summary>No context is current, or the context is destroyed.</summary>
    InvalidContext = 201,

    /// <summary>The image holds no code for this device.</summary>
    NoBinaryForGpu = 209,

    /// <summary>An uncorrectable memory error. The device is lost to this process.</summary>
    EccUncorrectable = 214,

    /// <summary>Peer access is not possible between the two devices.</summary>
    PeerAccessUnsupported = 217,

    /// <summary>The PTX does not compile.</summary>
    InvalidPtx = 218,

    /// <summary>An uncorrectable NVLink error. The device is lost to this process.</summary>
    NvlinkUncorrectable = 220,

    /// <summary>The PTX is newer than the driver.</summary>
    UnsupportedPtxVersion = 222,

    /// <summary>Kernel source or image is invalid.</summary>
    InvalidSource = 300,

    /// <summary>A file does not exist.</summary>
    FileNotFound = 301,

    /// <summary>An operating system call failed.</summary>
    OperatingSystem = 304,

    /// <summary>A handle is not valid.</summary>
    InvalidHandle = 400,

    /// <summary>The object is in a state that does not allow the call.</summary>
    IllegalState = 401,

    /// <summary>A named symbol, kernel or entry point does not exist.</summary>
    NotFound = 500,

    /// <summary>The work has not finished.</summary>
    NotReady = 600,

    /// <summary>A kernel accessed an invalid address. The device is lost to this process.</summary>
    IllegalAddress = 700,

    /// <summary>A launch asks for more registers, threads or shared memory than there are.</summary>
    LaunchOutOfResources = 701,

    /// <summary>A kernel ran too long for a device with a display. The device is lost to this process.</summary>
    LaunchTimeout = 702,

    /// <summary>Peer access is on already.</summary>
    PeerAccessAlreadyEnabled = 704,

    /// <summary>Peer access is not on.</summary>
    PeerAccessNotEnabled = 705,

    /// <summary>The context is destroyed.</summary>
    ContextIsDestroyed = 709,

    /// <summary>A device-side assertion failed. The device is lost to this process.</summary>
    Assert = 710,

    /// <summary>A device stack error. The device is lost to this process.</summary>
    HardwareStackError = 714,

    /// <summary>A kernel executed an illegal instruction. The device is lost to this process.</summary>
    IllegalInstruction = 715,

    /// <summary>A kernel accessed a misaligned address. The device is lost to this process.</summary>
    MisalignedAddress = 716,

    /// <summary>An instruction met an address of the wrong space. The device is lost to this process.</summary>
    InvalidAddressSpace = 717,

    /// <summary>The program counter left the kernel. The device is lost to this process.</summary>
    InvalidPc = 718,

    /// <summary>A kernel failed. The device is lost to this process.</summary>
    LaunchFailed = 719,

    /// <summary>A cooperative grid does not fit on the device at once.</summary>
    CooperativeLaunchTooLarge = 720,

    /// <summary>The operation is not permitted.</summary>
    NotPermitted = 800,

    /// <summary>The device or driver does not support the operation.</summary>
    NotSupported = 801,

    /// <summary>System services that the device needs are not running.</summary>
    SystemNotReady = 802,

    /// <summary>User-mode and kernel-mode driver differ in version.</summary>
    SystemDriverMismatch = 803,

    /// <summary>Forward compatibility is not supported on this device.</summary>
    CompatNotSupportedOnDevice = 804,

    /// <summary>The operation is not allowed while a stream captures.</summary>
    StreamCaptureUnsupported = 900,

    /// <summary>An earlier call broke the capture.</summary>
    StreamCaptureInvalidated = 901,

    /// <summary>Two captures would be merged.</summary>
    StreamCaptureMerge = 902,

    /// <summary>The capture was not begun in this stream.</summary>
    StreamCaptureUnmatched = 903,

    /// <summary>A forked stream was not joined before the capture ended.</summary>
    StreamCaptureUnjoined = 904,

    /// <summary>A dependency would cross the border of the capture.</summary>
    StreamCaptureIsolation = 905,

    /// <summary>An implicit dependency on the legacy stream.</summary>
    StreamCaptureImplicit = 906,

    /// <summary>The event was recorded in a capture.</summary>
    CapturedEvent = 907,

    /// <summary>The capture was begun by another thread.</summary>
    StreamCaptureWrongThread = 908,

    /// <summary>A wait passed its limit.</summary>
    Timeout = 909,

    /// <summary>The graph differs too much for an update.</summary>
    GraphExecUpdateFailure = 910,

    /// <summary>A device outside this machine failed.</summary>
    ExternalDevice = 911,

    /// <summary>The cluster shape is not possible on the device.</summary>
    InvalidClusterSize = 912,

    /// <summary>Unspecified.</summary>
    Unknown = 999,
}
