/* The timer's books while the partition is stopped most of the time, and idling against raises at random instants.
 *
 *     periodic MS         ticks of 100 us for so many milliseconds
 *     one_shot COUNT      so many one-shots of random length, each replacing a shorter one that may just be firing
 *     idle                rounds of idling until line 31 is raised
 *     window COUNT        counts window interrupts until so many windows have begun
 *     console             echoes what is typed when the console's interrupt says so, until a line "end" */
#include <bulkhead/irq.h>
#include <bulkhead/printf.h>

#include "words.h"

enum { FIRST_OUTSIDE = 3, STOP = 31 };

static volatile uint64_t served[64];
static int failures;

static void count(uint32_t line, void *argument)
{
    (void)argument;
    served[line]++;
}

static void fail(const char *what, uint64_t want, uint64_t have)
{
    if (failures++ < 20)
        bh_printf("FAILED: %s: wanted %lu, have %lu\n", what, (unsigned long)want, (unsigned long)have);
}

static uint64_t dice(void)
{
    static uint64_t x = 88172645463325252ull;
    x ^= x << 13;
    x ^= x >> 7;
    return x ^= x << 17;
}

static volatile uint64_t deadline, early, first_ns;

static void on_tick(uint32_t line, void *argument)
{
    (void)line, (void)argument;
    served[0]++;
    /* Tick n is due at first_ns + (n - 1) * period. */
    uint64_t now = bh_now_ns(), due = first_ns + (bh_timer_ticks() - 1) * 100000;
    if (now < due)
        early++;
}

static void periodic(uint64_t ms)
{
    bh_irq_request(BH_LINE_TIMER, on_tick, 0);
    uint64_t begin = bh_now_ns(), missed = 0;
    first_ns = begin + 100000;
    bh_timer_periodic(first_ns, 100000);
    while (bh_now_ns() < begin + ms * 1000000) {
        uint32_t level = bh_irq_disable();
        bh_idle();
        bh_irq_enable(level);
        missed += bh_timer_take_missed();
    }
    /* The window may end between any two of these. */
    uint64_t before = bh_now_ns();
    uint32_t level = bh_irq_disable();
    uint64_t ticks = bh_timer_ticks(), behind = bh_now_ns();
    missed += bh_timer_take_missed();
    bh_timer_stop();
    bh_irq_enable(level);
    if (served[0] + missed != ticks)
        fail("served and missed ticks", ticks, served[0] + missed);
    /* Every tick that was due has been counted, but perhaps one that is being signalled. */
    uint64_t least = (before - begin) / 100000, most = (behind - begin) / 100000;
    if (ticks > most || ticks + 40 < least)
        fail("ticks by the clock", least, ticks);
    if (early)
        fail("early ticks", 0, early);
    bh_printf("ticks %lu\nmissed %lu\n", (unsigned long)ticks, (unsigned long)missed);
}

static void on_one_shot(uint32_t line, void *argument)
{
    (void)line, (void)argument;
    served[0]++;
    if (bh_now_ns() < deadline)
        early++;
}

static void one_shot(uint64_t count)
{
    bh_irq_request(BH_LINE_TIMER, on_one_shot, 0);
    uint64_t expected = 0, dropped = 0;
    for (uint64_t i = 0; i < count; i++) {
        uint32_t level = bh_irq_disable();
        /* Replaced at about the instant at which it fires. */
        deadline = bh_now_ns() + 1000 + dice() % 20000;
        bh_timer_one_shot(deadline);
        uint64_t until = bh_now_ns() + dice() % 20000;
        while (bh_now_ns() < until)
            ;
        dropped++;
        deadline = bh_now_ns() + 1000 + dice() % 50000;
        bh_timer_one_shot(deadline);
        bh_irq_enable(level);
        expected++;
        while (served[0] < expected)
            if (bh_now_ns() > deadline + 10000000000ull) {
                fail("one-shots that fired", expected, served[0]);
                return;
            }
        if (bh_timer_ticks() != 1)
            fail("ticks of a one-shot", 1, bh_timer_ticks());
    }
    uint64_t until = bh_now_ns() + 1000000;
    while (bh_now_ns() < until)
        ;
    if (served[0] != expected)
        fail("one-shots that fired", expected, served[0]);
    if (early)
        fail("early one-shots", 0, early);
    bh_printf("one-shots %lu\nreplaced %lu\n", (unsigned long)served[0], (unsigned long)dropped);
}

static void idle(void)
{
    for (uint32_t line = FIRST_OUTSIDE; line <= STOP; line++)
        bh_irq_request(line, count, 0);
    bh_print("ready\n");
    uint64_t rounds = 0;
    while (!served[STOP]) {
        uint32_t level = bh_irq_disable();
        bh_idle();
        if (bh_irq_pending() == 0)
            fail("a pending line after idling", 1, 0);
        bh_irq_enable(level);
        rounds++;
        /* So that the next raise meets any instruction on the way to sleep. */
        for (volatile uint64_t spin = dice() % 64; spin > 0; spin--)
            ;
    }
    uint64_t sum = 0;
    for (uint32_t line = FIRST_OUTSIDE; line < STOP; line++)
        sum += served[line];
    bh_printf("rounds %lu\nserved %lu\n", (unsigned long)rounds, (unsigned long)sum);
}

static void window(uint64_t windows)
{
    uint32_t level = bh_irq_disable();
    bh_irq_request(BH_LINE_WINDOW, count, 0);
    bh_irq_enable(level);
    uint32_t first = bh_window_count();
    /* A window in which a busy host left no time to this guest interrupts together with the next. */
    uint64_t seen = 0;
    for (; bh_window_count() - first < windows; seen++)
        bh_yield();
    /* The end of a window is not the place to compare. */
    uint64_t until = bh_now_ns() + 50000;
    while (bh_now_ns() < until)
        ;
    uint64_t begun = bh_window_count() - first;
    if (served[BH_LINE_WINDOW] < seen || served[BH_LINE_WINDOW] > begun)
        fail("window interrupts", seen, served[BH_LINE_WINDOW]);
    bh_printf("windows %lu\n", (unsigned long)begun);
}

static void console(void)
{
    static volatile uint64_t before;
    bh_irq_request(BH_LINE_CONSOLE, count, 0);
    bh_print("ready\n");
    char line[64];
    size_t length = 0;
    for (;;) {
        uint32_t level = bh_irq_disable();
        bh_idle();
        bh_irq_enable(level);
        if (served[BH_LINE_CONSOLE] == before)
            fail("a console interrupt", before + 1, before);
        before = served[BH_LINE_CONSOLE];
        size_t got;
        while ((got = bh_console_read(line + length, sizeof line - length)) > 0)
            length += got;
        if (length > 0 && line[length - 1] == '\n') {
            bh_print("read: ");
            bh_print_bytes(line, length);
            if (length == 4 && line[0] == 'e')
                return;
            length = 0;
        }
    }
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "";
    uint64_t much = argc > 2 ? number(argv[2]) : 0;
    if (is(how, "periodic"))
        periodic(much);
    else if (is(how, "one_shot"))
        one_shot(much);
    else if (is(how, "idle"))
        idle();
    else if (is(how, "window"))
        window(much);
    else if (is(how, "console"))
        console();
    else
        return 2;
    bh_printf("failures %d\n", failures);
    return failures != 0;
}
