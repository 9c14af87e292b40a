// SPDX-License-Identifier: MIT
using System.Text.RegularExpressions;
using DeepInfra.Core;
using DeepInfra.Core.Quantization;
using DeepInfra.Testing;

namespace DeepInfra.Gemm.Tests;

/// <summary>The example of the package's README compiles and does what it says.</summary>
public sealed class ReadmeTests
{
    [Fact]
    public void Example_Runs()
    {
        // example
        using var x = Tensor<float>.Create([64, 512]); // activations
        using var w = Tensor<float>.Create([256, 512]); // weights
        using var y = Tensor<BFloat16>.Create([64, 256]);
        x.Fill(0.5f);
        w.Fill(2f);
        using var qx = Quantizer.QuantizePerToken(x); // one scale per row and 128 columns
        using var qw = Quantizer.QuantizePerBlock(w); // one scale per 128x128 block
        var a = new ScaledTensor(qx.Data, qx.Scales);
        var b = new ScaledTensor(qw.Data, qw.Scales);

        var ops = GemmContext.Cpu.Ops;
        ops.Fp8GemmNT(a, b, y); // y = x·wᵀ = 512
        ops.Fp8GemmNT(a, b, y, new GemmCall { Accumulate = y }); // y += x·wᵀ
        // end

        y.ToArray().Should().OnlyContain(value => (float)value == 1024f);
    }

    [Fact]
    public void Example_IsTheReadmes()
    {
        var source = RepositoryRoot.ReadText("tests/DeepInfra.Gemm.Tests/ReadmeTests.cs");
        var readme = RepositoryRoot.ReadText("src/DeepInfra.Gemm/README.md");
        var code = Regex
            .Match(readme, "```csharp\n(?:using [^\n]*;\n)+\n(.*?)\n```", RegexOptions.Singleline)
            .Groups[1]
            .Value;
        var region = Regex
            .Match(source, @"// example\n(.*?)\n *// end", RegexOptions.Singleline)
            .Groups[1]
            .Value;

        var dedented = string.Join('\n', region.Split('\n').Select(l => l.Length > 8 ? l[8..] : l));
        dedented.Should().NotBeEmpty().And.Be(code);
    }
}
