/* APEX partition management and time for RTEMS.
 *
 * RTEMS is the partition's executive: its tasks and its scheduler take the place of APEX processes, so of these groups there
 * are the services that concern the partition, or any task.
 */
#include <apex/partition.h>
#include <apex/time.h>
#include <bulkhead/bulkhead.h>
#include <bulkhead/partition.h>

#include "apex.h"

static bool is_normal;

bool apex_is_normal(void)
{
    return is_normal;
}

static OPERATING_MODE_TYPE mode(void)
{
    if (is_normal)
        return NORMAL;
    return bh_partition_start_mode() == BH_WARM_START ? WARM_START : COLD_START;
}

void GET_PARTITION_STATUS(PARTITION_STATUS_TYPE *status, RETURN_CODE_TYPE *code)
{
    status->PERIOD = (SYSTEM_TIME_TYPE)bh_partition_period_ns();
    status->DURATION = (SYSTEM_TIME_TYPE)bh_partition_duration_ns();
    status->IDENTIFIER = (PARTITION_ID_TYPE)bh_boot_info()->partition_id;
    status->LOCK_LEVEL = 0;
    status->OPERATING_MODE = mode();
    status->START_CONDITION = (START_CONDITION_TYPE)bh_partition_start_condition();
    status->NUM_ASSIGNED_CORES = 1;
    *code = NO_ERROR;
}

/* In RTEMS, NORMAL only closes the time in which ports are created: the caller goes on. */
void SET_PARTITION_MODE(OPERATING_MODE_TYPE wanted, RETURN_CODE_TYPE *code)
{
    switch (wanted) {
    case NORMAL:
        *code = is_normal ? NO_ACTION : NO_ERROR;
        if (!is_normal)
            (void)bh_partition_report(BH_REPORT_MODE, BH_MODE_NORMAL, 0, NULL, 0);
        is_normal = true;
        return;
    case WARM_START:
        if (mode() == COLD_START) {
            *code = INVALID_MODE;
            return;
        }
        bh_partition_request_mode(BH_MODE_WARM_START);
    case COLD_START:
        bh_partition_request_mode(BH_MODE_COLD_START);
    case IDLE:
        bh_partition_request_mode(BH_MODE_IDLE);
    }
    *code = INVALID_PARAM;
}

void GET_TIME(SYSTEM_TIME_TYPE *time, RETURN_CODE_TYPE *code)
{
    *time = (SYSTEM_TIME_TYPE)(bh_now_ns() - bh_epoch_ns());
    *code = NO_ERROR;
}

void TIMED_WAIT(SYSTEM_TIME_TYPE delay, RETURN_CODE_TYPE *code)
{
    if (rtems_interrupt_is_in_progress()) {
        *code = INVALID_MODE;
        return;
    }
    if (delay < 0) {
        *code = INVALID_PARAM;
        return;
    }
    (void)rtems_task_wake_after(delay == 0 ? RTEMS_YIELD_PROCESSOR : apex_ticks(delay));
    *code = NO_ERROR;
}
