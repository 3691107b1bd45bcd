/* Module schedules, for a partition that may not change them. */
#include "conform.h"

static void run_driver(void)
{
    SCHEDULE_ID_TYPE second = 0;
    EXPECT(NO_ERROR, "without permission", GET_MODULE_SCHEDULE_ID, "second", &second);
    EXPECT(INVALID_CONFIG, "without permission", SET_MODULE_SCHEDULE, second);
    finish();
}

int main(void)
{
    NEED(START, create("driver", run_driver, DRIVER));
    return go_normal();
}
