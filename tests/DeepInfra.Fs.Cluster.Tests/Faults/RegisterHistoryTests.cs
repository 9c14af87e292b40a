// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Cluster.Tests.Faults;

public sealed class RegisterHistoryTests
{
    private static readonly Guid s_zero = Guid.Empty;
    private static readonly Guid s_a = new("aaaaaaaa-0000-0000-0000-000000000000");
    private static readonly Guid s_b = new("bbbbbbbb-0000-0000-0000-000000000000");

    [Fact]
    public void FindViolation_OperationsInOrder_FindsNone()
    {
        var history = new RegisterHistory(s_zero);
        history.Read(s_zero, history.Begin());
        history.Wrote(s_a, history.Begin());
        history.Read(s_a, history.Begin());
        history.Wrote(s_b, history.Begin());
        history.Read(s_b, history.Begin());

        history.FindViolation().Should().BeNull();
    }

    [Fact]
    public void FindViolation_OverlappingOperations_FindsNone()
    {
        var history = new RegisterHistory(s_zero);
        var (first, second, third) = (history.Begin(), history.Begin(), history.Begin());
        history.Read(s_b, third);
        history.Wrote(s_a, first);
        history.Wrote(s_b, second);
        history.Read(s_a, third);

        history.FindViolation().Should().BeNull();
    }

    [Fact]
    public void FindViolation_StaleRead_IsFound()
    {
        var history = new RegisterHistory(s_zero);
        history.Wrote(s_a, history.Begin());
        history.Read(s_zero, history.Begin());

        history.FindViolation().Should().NotBeNull();
    }

    [Fact]
    public void FindViolation_ValueThatComesBack_IsFound()
    {
        var history = new RegisterHistory(s_zero);
        var begin = history.Begin();
        history.Read(s_a, history.Begin());
        history.Wrote(s_b, history.Begin());
        history.Read(s_a, history.Begin());
        history.Wrote(s_a, begin);

        history.FindViolation().Should().NotBeNull();
    }

    [Fact]
    public void FindViolation_LostWrite_IsFound()
    {
        var history = new RegisterHistory(s_zero);
        history.Wrote(s_a, history.Begin());
        history.Read(s_a, history.Begin());
        history.Wrote(s_b, history.Begin());
        history.Read(s_a, history.Begin());

        history.FindViolation().Should().NotBeNull();
    }

    [Fact]
    public void FindViolation_UnknownOrEarlyValue_IsFound()
    {
        var unknown = new RegisterHistory(s_zero);
        unknown.Read(s_a, unknown.Begin());
        var early = new RegisterHistory(s_zero);
        early.Read(s_a, early.Begin());
        early.Wrote(s_a, early.Begin());

        unknown.FindViolation().Should().NotBeNull();
        early.FindViolation().Should().NotBeNull();
    }

    [Fact]
    public void FindViolation_UnansweredWrite_MayShowOrNot()
    {
        var shown = new RegisterHistory(s_zero);
        shown.MayHaveWritten(s_a, shown.Begin());
        shown.Read(s_zero, shown.Begin());
        shown.Read(s_a, shown.Begin());
        var hidden = new RegisterHistory(s_zero);
        hidden.MayHaveWritten(s_a, hidden.Begin());
        hidden.Read(s_zero, hidden.Begin());

        shown.FindViolation().Should().BeNull();
        hidden.FindViolation().Should().BeNull();
    }
}
