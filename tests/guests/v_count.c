/* The counter of the BSP for RTEMS, as a timecounter of 32 bits sees it: no stop, however long, loses a turn of the counter. */
#include "../../guest-shim/rtems/bsp/timecount.h"

#include <bulkhead/bulkhead.h>
#include <bulkhead/printf.h>

enum { TICK_NS = 10000000 };

static struct bulkhead_timecount count;
static uint64_t now_ns, time_ns, seen_ns;
static uint32_t last;
static int failures;

static void check(const char *what, int good)
{
    if (!good && failures++ < 20)
        bh_printf("FAILED: %s at %lu\n", what, (unsigned long)now_ns);
}

/* The time as a task reads it: that of the last windup, and what the counter says has passed. */
static void look(void)
{
    uint64_t read_ns = time_ns + (uint32_t)((uint32_t)bulkhead_timecount_read(&count, now_ns) - last);
    check("time goes on", read_ns >= seen_ns);
    check("not ahead of the clock", read_ns <= now_ns);
    seen_ns = read_ns;
}

static void tick(void)
{
    uint64_t read_ns = bulkhead_timecount_read(&count, now_ns);
    now_ns += 40; /* RTEMS reads it a little later */
    uint32_t now = (uint32_t)bulkhead_timecount_read(&count, now_ns);
    time_ns += (uint32_t)(now - last);
    last = now;
    bulkhead_timecount_wound(&count, read_ns);
}

int main(void)
{
    now_ns = time_ns = 123456789012345;
    last = (uint32_t)now_ns;
    bulkhead_timecount_wound(&count, now_ns);
    uint64_t stops_ns[] = {0, 1000, TICK_NS - 1, 4200000000, 4294901759, 4294967295, 4294967296, 5000000000, 100000000000};
    for (unsigned stop = 0; stop < sizeof stops_ns / sizeof stops_ns[0]; stop++) {
        now_ns += stops_ns[stop];
        look();
        for (uint64_t missed = 1 + stops_ns[stop] / TICK_NS; missed > 0; missed--) {
            tick();
            look();
        }
        check("the time is right", time_ns == now_ns);
        for (int ticks = 0; ticks < 100; ticks++) {
            now_ns += TICK_NS;
            look();
            tick();
            check("a tick is enough", time_ns == now_ns);
        }
    }
    bh_printf("failures %d\n", failures);
    return failures != 0;
}
