/* Compiled with -fsanitize-coverage=trace-pc: a guest whose basic blocks move virtual time. What it does is its argument. */
#include <bulkhead/bulkhead.h>
#include <bulkhead/irq.h>
#include <bulkhead/printf.h>

#include "words.h"

enum { MS = 1000000, TICKS = 20 };

static volatile uint64_t spins, ticks;
static int *volatile nowhere = (int *)16;
static uint64_t tick_at[TICKS], tick_in[TICKS];

/* Notes the instant and where in its loop the interrupted code was. */
static void on_tick(uint32_t line, void *argument)
{
    (void)line, (void)argument;
    if (ticks < TICKS) {
        tick_at[ticks] = bh_now_ns() - bh_epoch_ns();
        tick_in[ticks] = spins;
    }
    ticks++;
}

static void show_ticks(void);

static uint64_t end_at;

static void on_tick_end_at(uint32_t line, void *argument)
{
    on_tick(line, argument);
    if (ticks >= end_at) {
        show_ticks();
        bh_halt(0);
    }
}

static void show_ticks(void)
{
    for (uint64_t i = 0; i < ticks && i < TICKS; i++)
        bh_printf("tick at %lu in %lu\n", (unsigned long)tick_at[i], (unsigned long)tick_in[i]);
}

/* Loops, and looks at nothing but a variable that only an interrupt changes. */
static void busy(uint64_t count)
{
    bh_irq_request(BH_LINE_TIMER, on_tick, 0);
    bh_timer_periodic(bh_epoch_ns() + 1 * MS, 1 * MS);
    while (ticks < count)
        spins++;
    bh_timer_stop();
    show_ticks();
}

/* Sleeps until each tick. */
static void sleep_for(uint64_t seconds)
{
    bh_irq_request(BH_LINE_TIMER, on_tick, 0);
    for (uint64_t second = 1; second <= seconds; second++) {
        bh_timer_one_shot(bh_epoch_ns() + second * 1000 * MS);
        while (ticks < second) {
            uint32_t level = bh_irq_disable();
            if (ticks < second)
                bh_idle();
            bh_irq_enable(level);
        }
    }
    show_ticks();
    bh_printf("slept until %lu\n", (unsigned long)(bh_now_ns() - bh_epoch_ns()));
}

/* One sleep. */
static void sleep_once(uint64_t seconds)
{
    bh_irq_request(BH_LINE_TIMER, on_tick, 0);
    bh_timer_one_shot(bh_epoch_ns() + seconds * 1000 * MS);
    uint32_t level = bh_irq_disable();
    bh_idle();
    bh_irq_enable(level);
    bh_printf("slept until %lu\n", (unsigned long)(bh_now_ns() - bh_epoch_ns()));
}

/* Prints how far it came in each window. */
static void windows(uint64_t count)
{
    uint32_t seen = bh_window_count();
    for (uint64_t left = count; left > 0;) {
        spins++;
        if (bh_window_count() != seen) {
            seen = bh_window_count();
            left--;
            bh_printf("window %u at %lu in %lu\n", seen, (unsigned long)(bh_now_ns() - bh_epoch_ns()),
                      (unsigned long)spins);
        }
    }
}

/* For ever. */
static void loop(void)
{
    for (;;)
        spins++;
}

/* Does nothing for ever, and calls that a loop: only an interrupt gets it out, and it goes back in. */
static void empty(uint64_t count)
{
    if (count) {
        bh_irq_request(BH_LINE_TIMER, on_tick_end_at, 0);
        end_at = count;
        bh_timer_periodic(bh_epoch_ns() + 1 * MS, 1 * MS);
    }
    for (;;)
        ;
}

/* Waits for the time-stamp counter itself, which counts nanoseconds in virtual time. */
static void counter(uint64_t ns)
{
    uint64_t begin = __builtin_ia32_rdtsc(), now;
    unsigned processor;
    do
        now = __builtin_ia32_rdtscp(&processor);
    while (now - begin < ns);
    bh_printf("counted %lu on processor %u\n", (unsigned long)(now - begin), processor);
}

static void wait_for_ever(void)
{
    bh_irq_request(BH_LINE_CONSOLE, on_tick, 0);
    uint32_t level = bh_irq_disable();
    bh_idle();
    bh_irq_enable(level);
    bh_print("woken\n");
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "";
    uint64_t much = argc > 2 ? number(argv[2]) : 0;
    if (is(how, "busy"))
        busy(much);
    else if (is(how, "sleep"))
        sleep_for(much);
    else if (is(how, "once"))
        sleep_once(much);
    else if (is(how, "windows"))
        windows(much);
    else if (is(how, "loop"))
        loop();
    else if (is(how, "empty"))
        empty(much);
    else if (is(how, "counter"))
        counter(much);
    else if (is(how, "wait"))
        wait_for_ever();
    else if (is(how, "wall"))
        bh_printf("wall %ld of %s time\n", (long)(bh_wall_ns() / 1000000000), bh_time_is_virtual() ? "virtual" : "real");
    else if (is(how, "crash")) {
        busy(much);
        *nowhere = 0;
    } else
        return 2;
    return 0;
}
