/* A counting semaphore: two runways for five aircraft.
 *
 *     bulkhead run examples/apex/semaphores.elf
 */
#include "example.h"

enum { AIRCRAFT = 5 };

static SEMAPHORE_ID_TYPE runways;
static int landed;

static void land(void)
{
    PROCESS_ID_TYPE me;
    PROCESS_STATUS_TYPE status;
    CALL(GET_MY_ID, &me);
    CALL(GET_PROCESS_STATUS, me, &status);
    const char *name = status.ATTRIBUTES.NAME;
    CALL(WAIT_SEMAPHORE, runways, FOREVER);
    bh_printf("%s lands\n", name);
    CALL(TIMED_WAIT, 30 * MS);
    bh_printf("%s has left the runway\n", name);
    CALL(SIGNAL_SEMAPHORE, runways);
    if (++landed == AIRCRAFT)
        bh_halt(0);
}

int main(void)
{
    CALL(CREATE_SEMAPHORE, "runways", 2, 2, FIFO, &runways);
    process("D-AIBL", land, 20, FOREVER);
    process("F-GKXA", land, 20, FOREVER);
    process("G-EUYT", land, 20, FOREVER);
    process("N801AW", land, 20, FOREVER);
    process("JA801A", land, 20, FOREVER);
    return begin();
}
