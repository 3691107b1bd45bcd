/* A mutex with a priority ceiling, against the classic inversion: a low process works on shared data, and a middle one, which
 * has nothing to do with it, would keep it from the processor while a high one waits for the data. With the ceiling the low
 * process runs above both until it is through. Run first without the mutex, then with it.
 *
 *     bulkhead run examples/apex/mutexes.elf
 */
#include "example.h"

static MUTEX_ID_TYPE mutex;
static PROCESS_ID_TYPE middle;
static int guarded; /* whether the mutex is used */

static void take_and_work(void)
{
    PROCESS_ID_TYPE me;
    PROCESS_STATUS_TYPE status;
    if (guarded)
        CALL(ACQUIRE_MUTEX, mutex, FOREVER);
    CALL(GET_MY_ID, &me);
    CALL(GET_PROCESS_STATUS, me, &status);
    bh_printf("  low begins its work at priority %d\n", status.CURRENT_PRIORITY);
    CALL(START, middle); /* something wakes the middle process in the midst of it */
    bh_printf("  low is through\n");
    if (guarded)
        CALL(RELEASE_MUTEX, mutex);
}

static void disturb(void)
{
    bh_printf("  middle has the processor\n");
}

static void low(void)
{
    bh_printf("without the mutex:\n");
    take_and_work();
    guarded = 1;
    bh_printf("with it:\n");
    take_and_work();
    CALL(TIMED_WAIT, 1 * MS);
    bh_halt(0);
}

int main(void)
{
    PROCESS_ATTRIBUTE_TYPE attributes = {
        .PERIOD = INFINITE_TIME_VALUE,
        .TIME_CAPACITY = INFINITE_TIME_VALUE,
        .ENTRY_POINT = (SYSTEM_ADDRESS_TYPE)(unsigned long)disturb,
        .STACK_SIZE = 16384,
        .BASE_PRIORITY = 30,
        .DEADLINE = SOFT,
        .NAME = "middle",
    };
    CALL(CREATE_MUTEX, "data", 40, PRIORITY, &mutex);
    CALL(CREATE_PROCESS, &attributes, &middle);
    process("low", low, 20, FOREVER);
    return begin();
}
