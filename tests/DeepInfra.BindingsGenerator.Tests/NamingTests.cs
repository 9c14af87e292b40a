// SPDX-License-Identifier: MIT
namespace DeepInfra.BindingsGenerator.Tests;

public sealed class NamingTests
{
    [Theory]
    [InlineData("block_table", "BlockTable")]
    [InlineData("DI_IO_ERROR", "DiIoError")]
    [InlineData("sm90", "Sm90")]
    [InlineData("E4M3", "E4m3")]
    [InlineData("x", "X")]
    public void Pascal_Name_JoinsWords(string name, string expected) =>
        Naming.Pascal(name).Should().Be(expected);

    [Theory]
    [InlineData("out", "@out")]
    [InlineData("params", "@params")]
    [InlineData("num_splits", "numSplits")]
    public void Camel_Name_EscapesKeywords(string name, string expected) =>
        Naming.Camel(name).Should().Be(expected);

    [Theory]
    [InlineData(new[] { "DI_A_ONE", "DI_A_TWO" }, "DI_A_")]
    [InlineData(new[] { "DI_A_TEN", "DI_A_TWO" }, "DI_A_")]
    [InlineData(new[] { "DI_A", "DI_A_B" }, "DI_")]
    [InlineData(new[] { "DI_F_8", "DI_F_16" }, "DI_")]
    [InlineData(new[] { "DI_A_ONLY" }, "DI_A_")]
    [InlineData(new string[0], "")]
    public void CommonPrefix_Members_LeavesAName(string[] names, string expected) =>
        Naming.CommonPrefix(names).Should().Be(expected);
}
