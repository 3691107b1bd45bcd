/* A process that overflows its stack over and over, by small steps, while interrupts come as fast as they can: wherever one
 * strikes, also where the stack has no room for it, the error handler is told of an overflow and of nothing else. */
#include <apex.h>

#include <bulkhead/bulkhead.h>
#include <bulkhead/printf.h>

enum { ROUNDS = 5000 };

static int handled, others;
static volatile unsigned ticks;

static void tick(void)
{
    RETURN_CODE_TYPE code;
    for (;;) {
        TIMED_WAIT(20000, &code);
        ticks++;
    }
}

__attribute__((noinline)) static int fall(int depth)
{
    volatile char frame[24];
    frame[0] = (char)depth;
    return depth < 10000000 ? fall(depth + 1) + frame[0] : 0;
}

static void deep(void)
{
    fall(0);
}

static void handle(void)
{
    ERROR_STATUS_TYPE error;
    RETURN_CODE_TYPE code;
    GET_ERROR_STATUS(&error, &code);
    handled++;
    others += code != NO_ERROR || error.ERROR_CODE != STACK_OVERFLOW;
    STOP(error.FAILED_PROCESS_ID, &code);
    START(error.FAILED_PROCESS_ID, &code);
    if (handled == ROUNDS) {
        bh_printf("overflows %d others %d ticks %d\n", handled, others, (int)ticks);
        bh_halt(0);
    }
}

static void start(const char *name, void (*entry)(void), PRIORITY_TYPE priority)
{
    PROCESS_ATTRIBUTE_TYPE attributes = {
        .PERIOD = INFINITE_TIME_VALUE,
        .TIME_CAPACITY = INFINITE_TIME_VALUE,
        .ENTRY_POINT = (SYSTEM_ADDRESS_TYPE)(unsigned long)entry,
        .STACK_SIZE = 4096,
        .BASE_PRIORITY = priority,
        .DEADLINE = SOFT,
        .NAME = {name[0]},
    };
    PROCESS_ID_TYPE id;
    RETURN_CODE_TYPE code;
    CREATE_PROCESS(&attributes, &id, &code);
    START(id, &code);
}

int main(void)
{
    RETURN_CODE_TYPE code;
    CREATE_ERROR_HANDLER((SYSTEM_ADDRESS_TYPE)(unsigned long)handle, 4096, &code);
    start("tick", tick, 10);
    start("deep", deep, 5);
    SET_PARTITION_MODE(NORMAL, &code);
    return 1;
}
