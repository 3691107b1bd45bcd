/* A wheel's pulses come by interrupt, and a task adds them up. Its hand-over has a mistake that a run at a fixed timing never shows:
 *
 *     bulkhead run --virtual examples/race/race.elf
 *     bulkhead explore examples/race/race.elf --seeds 10000
 *
 * With the argument "masked" the mistake is corrected:
 *
 *     bulkhead explore examples/race/race.elf --seeds 10000 -- masked
 */
#include <bulkhead/bulkhead.h>
#include <bulkhead/irq.h>
#include <bulkhead/printf.h>

/* A pulse every 20 us. The task works for some 12 us of that, so there is time enough, as it seems. */
enum { PERIOD_NS = 20000, PULSES = 200, SAMPLES = 3000 };

static volatile uint32_t pulses; /* all of them; the interrupt alone writes here */
static volatile uint32_t unread; /* those that the task has not taken yet */
static uint32_t taken, most;

static void on_pulse(uint32_t line, void *argument)
{
    (void)line, (void)argument;
    pulses++;
    unread++;
}

/* What the task does with each pulse: some arithmetic. */
static uint32_t smooth(uint32_t value)
{
    for (uint32_t i = 0; i < SAMPLES; i++)
        value = (value >> 1) + (value & 1 ? i : 3 * i);
    return value;
}

__attribute__((noinline)) static void note(uint32_t count)
{
    taken += count;
    if (count > most)
        most = count;
}

/* A pulse that comes between the first line and the last one is forgotten: a few nanoseconds in 20 us. */
__attribute__((noinline)) static void take(void)
{
    uint32_t count = unread;
    note(count);
    unread = 0;
}

int main(int argc, char **argv)
{
    bool masked = argc > 1 && argv[1][0] == 'm';
    uint32_t seen = 0, value = 1;

    bh_irq_request(BH_LINE_TIMER, on_pulse, 0);
    bh_timer_periodic(bh_now_ns() + PERIOD_NS, PERIOD_NS);
    while (pulses < PULSES) {
        uint32_t level = bh_irq_disable();
        if (pulses == seen)
            bh_idle();
        bh_irq_enable(level);
        seen = pulses;
        value = smooth(value);
        if (masked) {
            level = bh_irq_disable();
            take();
            bh_irq_enable(level);
        } else {
            take();
        }
    }
    bh_timer_stop();
    take();

    if (taken != pulses) {
        bh_printf("%u of %u pulses lost\n", (unsigned)(pulses - taken), (unsigned)pulses);
        return 1;
    }
    bh_printf("all %u pulses taken, at most %u at a time (%u)\n", (unsigned)pulses, (unsigned)most, (unsigned)value);
    return 0;
}
