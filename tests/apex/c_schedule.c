/* Module schedules, for a partition that may change them. */
#include "conform.h"

#define MAJOR_FRAME (20 * MS)

static void run_driver(void)
{
    SCHEDULE_ID_TYPE first = 0, second = 0, id;
    SCHEDULE_STATUS_TYPE status;
    EXPECT(NO_ERROR, "by name", GET_MODULE_SCHEDULE_ID, "first", &first);
    EXPECT(NO_ERROR, "the other, by name", GET_MODULE_SCHEDULE_ID, "second", &second);
    EXPECT(INVALID_CONFIG, "no such name", GET_MODULE_SCHEDULE_ID, "nobody", &id);
    EXPECT(NO_ERROR, "before the first change", GET_MODULE_SCHEDULE_STATUS, &status);
    SHOWS(GET_MODULE_SCHEDULE_STATUS, "the module starts with its first schedule",
          status.CURRENT_SCHEDULE == first && status.NEXT_SCHEDULE == first && status.TIME_OF_LAST_SCHEDULE_SWITCH == 0);
    EXPECT(INVALID_PARAM, "no such schedule", SET_MODULE_SCHEDULE, NOBODY);
    EXPECT(NO_ACTION, "the current one", SET_MODULE_SCHEDULE, first);

    SYSTEM_TIME_TYPE asked = now();
    uint32_t window = bh_window_count();
    EXPECT(NO_ERROR, "another one", SET_MODULE_SCHEDULE, second);
    NEED(GET_MODULE_SCHEDULE_STATUS, &status);
    TRAP(13, SET_MODULE_SCHEDULE, "nothing changes within the frame",
         bh_window_count() != window || (status.CURRENT_SCHEDULE == first && status.NEXT_SCHEDULE == second));
    pause_ms(100);
    NEED(GET_MODULE_SCHEDULE_STATUS, &status);
    TRAP(13, SET_MODULE_SCHEDULE, "the change happens at the beginning of a major frame",
         status.CURRENT_SCHEDULE == second && status.NEXT_SCHEDULE == second && status.TIME_OF_LAST_SCHEDULE_SWITCH > asked &&
             (status.TIME_OF_LAST_SCHEDULE_SWITCH - (SYSTEM_TIME_TYPE)bh_epoch_ns()) % MAJOR_FRAME == 0);
    EXPECT(NO_ERROR, "back again", SET_MODULE_SCHEDULE, first);
    pause_ms(100);
    NEED(GET_MODULE_SCHEDULE_STATUS, &status);
    SHOWS(GET_MODULE_SCHEDULE_STATUS, "the first schedule is in force again", status.CURRENT_SCHEDULE == first);
    finish();
}

int main(void)
{
    NEED(START, create("driver", run_driver, DRIVER));
    return go_normal();
}
