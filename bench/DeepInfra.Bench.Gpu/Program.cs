// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text.Json;
using DeepInfra.Bench.Gpu;
using DeepInfra.Bench.Gpu.Core;
using DeepInfra.Core.Cuda;

// DeepInfra.Bench.Gpu [file] [--smoke]: times the kernels on the first GPU, prints a table and writes JSON. --smoke runs each once
// on small shapes.
var smoke = args.Contains("--smoke");
var file = args.FirstOrDefault(a => !a.StartsWith("--", StringComparison.Ordinal));
if (!CudaDevice.IsAvailable)
{
    Console.Error.WriteLine($"no GPU: {CudaDevice.MissingReason}");
    return 3;
}
var device = CudaDevice.Get(0);
using var stream = new CudaStream(device.Device);
using var timer = new StreamTimer(stream, smoke);
var size = smoke ? 256 : 8192;
var results = new UtilityKernels(stream, timer, size, size).Run();
var version = CudaDevice.DriverVersion;
var report = new BenchReport(
    DateTime.UtcNow.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
    device.Name,
    device.Architecture,
    string.Create(CultureInfo.InvariantCulture, $"{version / 1000}.{version % 1000 / 10}"),
    device.ClockKilohertz,
    CudaDevice.IsSimulated,
    results
);
Console.WriteLine(
    $"{report.Device}, {report.Architecture}, driver for CUDA {report.Driver}, {report.Date}"
);
foreach (var r in results)
    Console.WriteLine(
        string.Create(
            CultureInfo.InvariantCulture,
            $"{r.Name, -22} {r.Shape, -14} {r.Microseconds, 10:0.0} us {r.GigabytesPerSecond, 9:0.0} GB/s {r.RatioToCopy, 6:0.00} of copy"
        )
    );
if (file is not null)
    File.WriteAllText(file, JsonSerializer.Serialize(report, BenchJson.Default.BenchReport) + "\n");
return 0;
