// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;

/// <summary>
/// What a program sees that works on a device, without and with the package of native libraries. Both run on the simulator
/// (<c>DEEPINFRA_CUDA=sim</c>), as the machine need not have a GPU.
/// </summary>
internal static class NativePackages
{
    private const string Remedy = "./build.sh simulator";

    /// <summary>Without the package: an exception that says where libraries for the simulator come from.</summary>
    /// <returns>The exit code.</returns>
    public static int RunWithout()
    {
        try
        {
            Fill();
        }
        catch (NativeLibraryNotFoundException e)
        {
            Console.WriteLine(e.Message);
            return e.Message.Contains(Remedy, StringComparison.Ordinal) ? 0 : 1;
        }
        Console.WriteLine($"expected an exception that advises {Remedy}, got none");
        return 1;
    }

    /// <summary>With the package: the library is found beside the program.</summary>
    /// <returns>The exit code.</returns>
    public static int RunWith()
    {
        var values = Fill();
        Console.WriteLine($"fill on {CudaDevice.Get(0)}: {string.Join(", ", values)}");
        return values.All(v => v == 3) ? 0 : 1;
    }

    private static int[] Fill()
    {
        using var stream = new CudaStream(Device.Cuda(0));
        using var x = Tensor<int>.Create([4], stream);
        CudaTensor.Fill(x, 3, stream);
        return x.ToArray(stream);
    }
}
