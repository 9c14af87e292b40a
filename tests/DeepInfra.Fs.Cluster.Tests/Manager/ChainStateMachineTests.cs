// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Cluster.Manager;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Manager;

public sealed class ChainStateMachineTests
{
    // Public states (S serving, L last serving, Y syncing, W waiting, O offline) of targets 1, 2, 3 … with
    // their local states (u up to date, n online, o offline), and what becomes of them, in chain order.
    [Theory]
    [InlineData("Su", "1S")]
    [InlineData("So", "1L")]
    [InlineData("Lo", "1L")]
    [InlineData("Ln", "1S")]
    [InlineData("Lu", "1S")]
    [InlineData("Su So", "1S 2O")]
    [InlineData("So Su", "2S 1O")]
    [InlineData("So So", "1L 2O")]
    [InlineData("So So So", "1L 2O 3O")]
    [InlineData("Su Yn", "1S 2Y")]
    [InlineData("Su Yu", "1S 2S")]
    [InlineData("Su Yo", "1S 2O")]
    [InlineData("So Yn", "1L 2W")]
    [InlineData("So Yu", "2S 1O")]
    [InlineData("So Yu Wn", "2S 3Y 1O")]
    [InlineData("Lo Yu On", "2S 3Y 1O")]
    [InlineData("Su Yu Wn", "1S 2S 3Y")]
    [InlineData("Su On Wu", "1S 2Y 3W")]
    [InlineData("Lo Lo", "1L 2L")]
    [InlineData("Ln Ln", "1S 2O")]
    [InlineData("So Yn Yu", "3S 2W 1O")]
    [InlineData("Su On", "1S 2Y")]
    [InlineData("Su Wn", "1S 2Y")]
    [InlineData("Su On Wn", "1S 3Y 2W")]
    [InlineData("Su Yn On", "1S 2Y 3W")]
    [InlineData("Su Wu", "1S 2W")]
    [InlineData("Su Oo", "1S 2O")]
    [InlineData("Lo On", "1L 2W")]
    [InlineData("Ln On", "1S 2Y")]
    [InlineData("Su Lo", "1S 2O")]
    [InlineData("Sn Su", "1S 2S")]
    [InlineData("Oo Su", "2S 1O")]
    public void Advance_States_FollowTheRules(string before, string after)
    {
        var members = before.Split(' ');
        var targets = members
            .Select(
                (m, i) =>
                    new ChainTargetInfo { TargetId = (ulong)i + 1, PublicState = Public(m[0]) }
            )
            .ToList();

        var next = ChainStateMachine.Advance(targets, id => Local(members[(int)id - 1][1]));

        string.Join(' ', next.Select(t => $"{t.TargetId}{Letter(t.PublicState)}"))
            .Should()
            .Be(after);
    }

    private static PublicTargetState Public(char letter) =>
        letter switch
        {
            'S' => PublicTargetState.Serving,
            'L' => PublicTargetState.LastSrv,
            'Y' => PublicTargetState.Syncing,
            'W' => PublicTargetState.Waiting,
            _ => PublicTargetState.Offline,
        };

    private static char Letter(PublicTargetState state) =>
        state switch
        {
            PublicTargetState.Serving => 'S',
            PublicTargetState.LastSrv => 'L',
            PublicTargetState.Syncing => 'Y',
            PublicTargetState.Waiting => 'W',
            _ => 'O',
        };

    private static LocalTargetState Local(char letter) =>
        letter switch
        {
            'u' => LocalTargetState.UpToDate,
            'n' => LocalTargetState.Online,
            _ => LocalTargetState.Offline,
        };
}
