/* Events: three crew members wait until the doors are closed; one event releases them all. A fourth has less patience.
 *
 *     bulkhead run examples/apex/events.elf
 */
#include "example.h"

static EVENT_ID_TYPE doors_closed;

static void wait_as(const char *who)
{
    bh_printf("%s waits\n", who);
    CALL(WAIT_EVENT, doors_closed, FOREVER);
    bh_printf("%s goes on\n", who);
}

static void captain(void)
{
    wait_as("captain");
}

static void first_officer(void)
{
    wait_as("first officer");
}

static void purser(void)
{
    wait_as("purser");
}

static void caterer(void)
{
    RETURN_CODE_TYPE code;
    WAIT_EVENT(doors_closed, 20 * MS, &code);
    bh_printf("caterer %s\n", code == TIMED_OUT ? "does not wait any longer" : "goes on");
}

static void ground_crew(void)
{
    EVENT_STATUS_TYPE status;
    CALL(TIMED_WAIT, 50 * MS);
    CALL(GET_EVENT_STATUS, doors_closed, &status);
    bh_printf("ground crew: doors closed, %d wait\n", status.WAITING_PROCESSES);
    CALL(SET_EVENT, doors_closed);
    CALL(TIMED_WAIT, 1 * MS);
    bh_halt(0);
}

int main(void)
{
    CALL(CREATE_EVENT, "doors closed", &doors_closed);
    process("captain", captain, 40, FOREVER);
    process("first officer", first_officer, 35, FOREVER);
    process("purser", purser, 30, FOREVER);
    process("caterer", caterer, 30, FOREVER);
    process("ground crew", ground_crew, 20, FOREVER);
    return begin();
}
