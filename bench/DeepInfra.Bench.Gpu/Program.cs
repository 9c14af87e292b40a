// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text.Json;
using DeepInfra.Bench.Gpu;
using DeepInfra.Bench.Gpu.Core;
using DeepInfra.Bench.Gpu.FlashMla;
using DeepInfra.Bench.Gpu.Gemm;
using DeepInfra.Core.Cuda;

// DeepInfra.Bench.Gpu [file] [--smoke] [--area=core|gemm|flashmla]: times the kernels on the first GPU, prints a table and writes JSON.
// --smoke runs each once on small shapes. --probe only prints the GPU's name, and the CUDA version of its driver. Exit code 3: no GPU.
const string AreaOption = "--area=";
var areas = new Dictionary<string, Action<Measurements>>
{
    ["core"] = m => new UtilityKernels(m).Run(),
    ["gemm"] = m => new DenseGemm(m).Run(),
    ["flashmla"] = m => new DenseDecode(m).Run(),
};
var smoke = args.Contains("--smoke");
var file = args.FirstOrDefault(a => !a.StartsWith("--", StringComparison.Ordinal));
var chosen = args.Where(a => a.StartsWith(AreaOption, StringComparison.Ordinal))
    .Select(a => a[AreaOption.Length..])
    .ToList();
if (chosen.Find(a => !areas.ContainsKey(a)) is { } unknown)
{
    Console.Error.WriteLine($"unknown area {unknown}: {string.Join(", ", areas.Keys)}");
    return 2;
}
if (!CudaDevice.IsAvailable)
{
    Console.Error.WriteLine($"no GPU: {CudaDevice.MissingReason}");
    return 3;
}
var device = CudaDevice.Get(0);
var version = CudaDevice.DriverVersion;
var driver = string.Create(CultureInfo.InvariantCulture, $"{version / 1000}.{version % 1000 / 10}");
var date = DateTime.UtcNow.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
if (args.Contains("--probe"))
{
    Console.WriteLine($"{device.Name}\n{driver}");
    return 0;
}
Console.WriteLine(
    $"{device.Name}, {device.Architecture}, {device.MultiprocessorCount} multiprocessors, driver for CUDA {driver}, {date}"
);
using var stream = new CudaStream(device.Device);
using var timer = new StreamTimer(stream, smoke);
var measurements = new Measurements(stream, timer, smoke);
foreach (var (area, run) in areas)
    if (chosen.Count == 0 || chosen.Contains(area))
        run(measurements);
foreach (var r in measurements.Results)
    Console.WriteLine(
        string.Create(
                CultureInfo.InvariantCulture,
                $"{r.Area, -8} {r.Name, -22} {r.Shape, -22} {r.Microseconds, 10:0.0} us {r.GigabytesPerSecond, 9:0.0} GB/s {r.RatioToCopy, 6:0.00} of copy {(r.Operations == 0 ? "" : $"{r.TeraflopsPerSecond, 9:0.00} TFLOPS")}"
            )
            .TrimEnd()
    );
if (file is not null)
{
    var report = new BenchReport(
        date,
        device.Name,
        device.Architecture,
        driver,
        device.MultiprocessorCount,
        device.ClockKilohertz,
        CudaDevice.IsSimulated,
        measurements.Results
    );
    File.WriteAllText(file, JsonSerializer.Serialize(report, BenchJson.Default.BenchReport) + "\n");
}
return 0;
