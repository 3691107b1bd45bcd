/* APEX health monitoring for RTEMS.
 *
 * There is no error handler process: an error that an application raises is one of the partition, and the partition's
 * table in the module's configuration says what follows. Faults of the processor are RTEMS' fatal errors.
 */
#include <apex/error.h>
#include <bulkhead/partition.h>

#include "apex.h"

/* The caller's number in its class: what tells tasks apart in a report. */
static uint32_t caller(void)
{
    return rtems_object_id_get_index(rtems_task_self());
}

void REPORT_APPLICATION_MESSAGE(MESSAGE_ADDR_TYPE message, MESSAGE_SIZE_TYPE length, RETURN_CODE_TYPE *code)
{
    if (length < 0 || length > MAX_ERROR_MESSAGE_SIZE) {
        *code = INVALID_PARAM;
        return;
    }
    (void)bh_partition_report(BH_REPORT_MESSAGE, 0, caller(), message, (size_t)length);
    *code = NO_ERROR;
}

void RAISE_APPLICATION_ERROR(ERROR_CODE_TYPE error, MESSAGE_ADDR_TYPE message, ERROR_MESSAGE_SIZE_TYPE length,
                             RETURN_CODE_TYPE *code)
{
    if (length < 0 || length > MAX_ERROR_MESSAGE_SIZE || error != APPLICATION_ERROR) {
        *code = INVALID_PARAM;
        return;
    }
    *code = NO_ERROR;
    struct bh_response response = bh_partition_health(BH_APPLICATION_ERROR);
    uint64_t where = (uint64_t)__builtin_return_address(0);
    if (response.level != BH_LEVEL_MODULE && response.action == BH_ACTION_IGNORE)
        (void)bh_partition_report_error(BH_APPLICATION_ERROR, caller(), where, message, (size_t)length);
    else
        bh_partition_raise_error(BH_APPLICATION_ERROR, caller(), where, message, (size_t)length);
}
