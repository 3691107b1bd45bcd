/* A blackboard: a weather report that any number of processes read as often as they like. Each sees the latest; who comes
 * before the first waits for it.
 *
 *     bulkhead run examples/apex/blackboard.elf
 */
#include "example.h"

static BLACKBOARD_ID_TYPE weather;

static void observe(void)
{
    static const char *const reports[] = {"wind 240 at 12 knots", "wind 250 at 18 knots, gusts", "wind calm"};
    for (int i = 0; i < 3; i++) {
        CALL(TIMED_WAIT, 30 * MS);
        bh_printf("observer: %s\n", reports[i]);
        CALL(DISPLAY_BLACKBOARD, weather, (MESSAGE_ADDR_TYPE)reports[i], (MESSAGE_SIZE_TYPE)__builtin_strlen(reports[i]) + 1);
    }
    CALL(TIMED_WAIT, 50 * MS);
    bh_halt(0);
}

static void read_for(const char *who, SYSTEM_TIME_TYPE pause)
{
    for (;;) {
        char report[40];
        MESSAGE_SIZE_TYPE length;
        CALL(READ_BLACKBOARD, weather, FOREVER, (MESSAGE_ADDR_TYPE)report, &length);
        bh_printf("%s: %s\n", who, report);
        CALL(TIMED_WAIT, pause);
    }
}

static void tower(void)
{
    read_for("   tower", 20 * MS);
}

static void pilot(void)
{
    read_for("   pilot", 45 * MS);
}

int main(void)
{
    CALL(CREATE_BLACKBOARD, "weather", 40, &weather);
    process("tower", tower, 30, FOREVER);
    process("pilot", pilot, 30, FOREVER);
    process("observer", observe, 20, FOREVER);
    return begin();
}
