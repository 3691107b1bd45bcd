/* How a 32-bit counter is read so that it survives any stop.
 *
 * RTEMS' timecounter keeps 32 bits of the count at its last windup and takes the difference for the time since. More than
 * 4.29 s without a windup, as when the partition is stopped for long, would lose a whole turn of the counter. So no reading
 * goes farther from the last windup than one turn; there the time stands until the missed ticks wind it up, one by one.
 */
#ifndef BULKHEAD_RTEMS_TIMECOUNT_H
#define BULKHEAD_RTEMS_TIMECOUNT_H

#include <stdint.h>

/* Not quite one turn. A tick must not be longer than this: 4.29 s. */
#define BULKHEAD_TIMECOUNT_REACH UINT64_C(0xffff0000)

struct bulkhead_timecount {
    /* No reading is beyond this; in nanoseconds of module time, and only ever growing. */
    volatile uint64_t ceiling_ns;
};

/* The counter, 64 bits wide; RTEMS takes the lower 32. */
static inline uint64_t bulkhead_timecount_read(const struct bulkhead_timecount *count, uint64_t now_ns)
{
    uint64_t ceiling_ns = count->ceiling_ns;
    return now_ns < ceiling_ns ? now_ns : ceiling_ns;
}

/* To be called when RTEMS has wound up, which it did at `read_ns` or after: what was read just before. */
static inline void bulkhead_timecount_wound(struct bulkhead_timecount *count, uint64_t read_ns)
{
    count->ceiling_ns = read_ns + BULKHEAD_TIMECOUNT_REACH;
}

#endif
