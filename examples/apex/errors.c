/* The error handler: a process divides by zero, another misses its deadline, a third reports an error of its own. The handler
 * restarts the first, stops the second, and lets the third go on. The partition lives through it all.
 *
 *     bulkhead run examples/apex/errors.elf
 */
#include "example.h"

static const char *const names[] = {"deadline missed", "application error", "numeric error", "illegal request",
                                    "stack overflow", "memory violation", "hardware fault", "power fail"};
static int attempts;

static void handle(void)
{
    for (;;) {
        ERROR_STATUS_TYPE error;
        PROCESS_STATUS_TYPE failed;
        RETURN_CODE_TYPE code;
        GET_ERROR_STATUS(&error, &code);
        if (code != NO_ERROR)
            return;
        CALL(GET_PROCESS_STATUS, error.FAILED_PROCESS_ID, &failed);
        bh_printf("handler: %s in %s", names[error.ERROR_CODE], failed.ATTRIBUTES.NAME);
        if (error.ERROR_CODE == APPLICATION_ERROR) {
            bh_printf(" (%s), which goes on\n", (const char *)error.MESSAGE);
            continue;
        }
        CALL(STOP, error.FAILED_PROCESS_ID);
        if (error.ERROR_CODE == NUMERIC_ERROR)
            CALL(START, error.FAILED_PROCESS_ID);
        bh_printf(", which is %s\n", error.ERROR_CODE == NUMERIC_ERROR ? "started again" : "stopped");
    }
}

static void glide(void)
{
    volatile int altitude = 1000, distance = attempts++;
    bh_printf("glide: attempt %d\n", attempts);
    bh_printf("glide: slope %d\n", altitude / distance);
}

static void search(void)
{
    bh_printf("search: looks for a runway\n");
    for (;;)
        ;
}

static void report(void)
{
    static char message[] = "pitot tube iced";
    CALL(RAISE_APPLICATION_ERROR, APPLICATION_ERROR, (MESSAGE_ADDR_TYPE)message, sizeof message);
    bh_printf("report: done\n");
    bh_halt(0);
}

int main(void)
{
    PROCESS_ATTRIBUTE_TYPE hasty = {
        .PERIOD = INFINITE_TIME_VALUE,
        .TIME_CAPACITY = 30 * MS,
        .ENTRY_POINT = (SYSTEM_ADDRESS_TYPE)(unsigned long)search,
        .STACK_SIZE = 16384,
        .BASE_PRIORITY = 20,
        .DEADLINE = HARD,
        .NAME = "search",
    };
    PROCESS_ID_TYPE id;
    CALL(CREATE_ERROR_HANDLER, (SYSTEM_ADDRESS_TYPE)(unsigned long)handle, 16384);
    CALL(CREATE_PROCESS, &hasty, &id);
    CALL(START, id);
    process("glide", glide, 30, FOREVER);
    process("report", report, 10, FOREVER);
    return begin();
}
