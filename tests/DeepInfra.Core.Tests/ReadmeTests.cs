// SPDX-License-Identifier: MIT
using System.Text.RegularExpressions;
using DeepInfra.Core.Numerics;
using DeepInfra.Core.Quantization;
using DeepInfra.Testing;

namespace DeepInfra.Core.Tests;

/// <summary>The example of the package's README compiles and does what it says.</summary>
public class ReadmeTests
{
    [Fact]
    public void Example_Runs()
    {
        using var output = new StringWriter();
        Example(output);

        output.ToString().Trim().Should().Be("0.5");
    }

    [Fact]
    public void Example_IsTheReadmes()
    {
        var source = RepositoryRoot.ReadText("tests/DeepInfra.Core.Tests/ReadmeTests.cs");
        var readme = RepositoryRoot.ReadText("src/DeepInfra.Core/README.md");
        var code = Regex
            .Match(readme, "```csharp\n(.*?)\n```", RegexOptions.Singleline)
            .Groups[1]
            .Value;
        var region = Regex
            .Match(source, @"// example\n(.*?)\n *// end", RegexOptions.Singleline)
            .Groups[1]
            .Value;

        var dedented = string.Join('\n', region.Split('\n').Select(l => l.Length > 8 ? l[8..] : l));
        dedented.Should().Be(code);
    }

    private static void Example(StringWriter Console)
    {
        // example
        using var x = Tensor<float>.Create([64, 512]);
        x.Fill(0.5f);

        // One scale per row and 128 columns; codes [64,512], scales [64,4].
        using var q = Quantizer.QuantizePerToken(x);
        using var back = Quantizer.DequantizePerToken(q.Data, q.Scales);
        Console.WriteLine(back[3, 5]); // 0.5

        // A view borrows: no copy until ToContiguous.
        using var transposed = x.AsTransposed().ToContiguous();

        // Any span to another element type, with the widest SIMD that the processor has.
        var narrow = new BFloat16[512];
        NumberConvert.Narrow(x.AsView().Row(0), narrow);
        // end
        transposed.Shape.Should().Equal(512, 64);
        narrow.Should().OnlyContain(v => v == (BFloat16)0.5f);
    }
}
