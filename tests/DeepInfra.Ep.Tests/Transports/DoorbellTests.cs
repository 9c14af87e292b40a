// SPDX-License-Identifier: MIT
using DeepInfra.Ep.Transports;

namespace DeepInfra.Ep.Tests.Transports;

public sealed unsafe class DoorbellTests
{
    [Fact]
    public void Wait_FirstSleepOfThread_AllocatesNothing()
    {
        // Every round is a first sleep; the first rounds also load code.
        var least = long.MaxValue;
        for (var round = 0; round < 20 && least > 0; round++)
            least = Math.Min(least, AllocatedByFirstSleep());

        least.Should().Be(0);
    }

    [Fact]
    public void Wait_MoreSleepersThanReadyPlaces_WakesAll()
    {
        var doorbell = new Doorbell(new int[1], spin: false);
        long cell = 0;
        var address = &cell;
        var statuses = new EpWaitStatus[10];
        var threads = new Thread[statuses.Length];
        for (var i = 0; i < threads.Length; i++)
        {
            var index = i;
            threads[i] = new Thread(() => statuses[index] = Wait(doorbell, address));
            threads[i].Start();
        }
        foreach (var thread in threads)
            WaitUntilAsleep(thread);

        Volatile.Write(ref cell, 1);
        doorbell.Ring();

        foreach (var thread in threads)
            thread.Join(TimeSpan.FromMinutes(1)).Should().BeTrue();
        statuses.Should().AllBeEquivalentTo(EpWaitStatus.Satisfied);
    }

    [Fact]
    public void Wait_InterruptedThread_LeavesDoorbellUsable()
    {
        var doorbell = new Doorbell(new int[1], spin: false);
        long cell = 0;
        var address = &cell;
        Exception? caught = null;
        var sleeper = new Thread(() =>
        {
            try
            {
                Wait(doorbell, address);
            }
            catch (ThreadInterruptedException e)
            {
                caught = e;
            }
        });
        sleeper.Start();
        WaitUntilAsleep(sleeper);

        sleeper.Interrupt();
        sleeper.Join(TimeSpan.FromMinutes(1)).Should().BeTrue();
        // Would read the stack of the thread that is gone if its wait were still known.
        Volatile.Write(ref cell, 1);
        doorbell.Ring();

        caught.Should().NotBeNull();
        Wait(doorbell, address).Should().Be(EpWaitStatus.Satisfied);
    }

    private static long AllocatedByFirstSleep()
    {
        var doorbell = new Doorbell(new int[1], spin: true);
        long cell = 0;
        var address = &cell;
        long allocated = 0;
        var thread = new Thread(() =>
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            Wait(doorbell, address);
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        });
        thread.Start();
        WaitUntilAsleep(thread);
        Volatile.Write(ref cell, 1);
        doorbell.Ring();
        thread.Join(TimeSpan.FromMinutes(1)).Should().BeTrue();
        return allocated;
    }

    private static EpWaitStatus Wait(Doorbell doorbell, long* cell)
    {
        var request = new EpWaitRequest
        {
            Cells = cell,
            StrideBytes = sizeof(long),
            Count = 1,
            Value = 1,
        };
        return doorbell.Wait(ref request, TimeSpan.FromMinutes(1), CancellationToken.None);
    }

    private static void WaitUntilAsleep(Thread thread) =>
        SpinWait
            .SpinUntil(
                () => (thread.ThreadState & ThreadState.WaitSleepJoin) != 0,
                TimeSpan.FromMinutes(1)
            )
            .Should()
            .BeTrue();
}
