/* Processes and time: two periodic processes, of which the faster has the higher priority, and an aperiodic one with the time
 * that they leave. All in one partition, without drift.
 *
 *     bulkhead run examples/apex/processes.elf
 */
#include "example.h"

static SYSTEM_TIME_TYPE begun;
static volatile long long rounds; /* of the background process */

static int milliseconds(void)
{
    SYSTEM_TIME_TYPE now;
    CALL(GET_TIME, &now);
    return (int)((now - begun) / MS);
}

static void next_period(void)
{
    RETURN_CODE_TYPE code;
    PERIODIC_WAIT(&code);
}

static void fast(void)
{
    for (int i = 1;; i++) {
        bh_printf("%d ms: fast, release %d\n", milliseconds(), i);
        next_period();
    }
}

static void slow(void)
{
    for (int i = 1; i <= 4; i++) {
        bh_printf("%d ms: slow, release %d; the background process has made %lld rounds\n", milliseconds(), i, rounds);
        next_period();
    }
    bh_halt(0);
}

static void background(void)
{
    for (;;)
        rounds++;
}

int main(void)
{
    PARTITION_STATUS_TYPE partition;
    CALL(GET_PARTITION_STATUS, &partition);
    CALL(GET_TIME, &begun);
    SYSTEM_TIME_TYPE period = (100 * MS + partition.PERIOD - 1) / partition.PERIOD * partition.PERIOD;
    process("fast", fast, 30, period);
    process("slow", slow, 20, 3 * period);
    process("background", background, 1, FOREVER);
    return begin();
}
