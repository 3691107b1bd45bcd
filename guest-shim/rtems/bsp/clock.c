/* The clock driver: ticks from the shim's periodic timer, and a timecounter of nanoseconds.
 *
 * While the partition is stopped the timer's ticks are counted, not signalled; each is handed to RTEMS at the next one, so that
 * RTEMS' ticks keep step with the host's time.
 */
#include <bsp.h>
#include <rtems/clockdrv.h>
#include <rtems/config.h>
#include <rtems/irq-extension.h>
#include <rtems/timecounter.h>

#include <bulkhead/bulkhead.h>
#include <bulkhead/irq.h>

#include "timecount.h"

/* RTEMS' tests look at these two. */
volatile uint32_t Clock_driver_ticks;
void Clock_isr(void *argument);

static struct bulkhead_timecount count;

static uint32_t nanoseconds(struct timecounter *counter)
{
    (void)counter;
    return (uint32_t)bulkhead_timecount_read(&count, bh_now_ns());
}

static struct timecounter counter = {
    .tc_get_timecount = nanoseconds,
    .tc_counter_mask = 0xffffffff,
    .tc_frequency = 1000000000,
    .tc_name = "bulkhead",
    .tc_quality = RTEMS_TIMECOUNTER_QUALITY_CLOCK_DRIVER,
};

void Clock_isr(void *argument)
{
    (void)argument;
    for (uint64_t ticks = 1 + bh_timer_take_missed(); ticks > 0; ticks--) {
        uint64_t read_ns = bulkhead_timecount_read(&count, bh_now_ns());
        Clock_driver_ticks++;
        rtems_timecounter_tick();
        bulkhead_timecount_wound(&count, read_ns);
    }
}

void _Clock_Initialize(void)
{
    uint64_t period_ns = rtems_configuration_get_nanoseconds_per_tick();
    Clock_driver_ticks = 0;
    bulkhead_timecount_wound(&count, bh_now_ns());
    rtems_timecounter_install(&counter);
    (void)rtems_interrupt_handler_install(BH_LINE_TIMER, "clock", RTEMS_INTERRUPT_UNIQUE, Clock_isr, NULL);
    /* The first tick takes a little longer. A task that sets the time of day at once and then waits for so many ticks is not
     * woken an instant before the full second, then. */
    bh_timer_periodic(bh_now_ns() + period_ns + period_ns / 32, period_ns);
}
