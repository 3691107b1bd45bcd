/* Errors that go to the partition level, whose table says warm start: with no handler, in the handler, and from a handler
 * that did not ask. The number of the start tells which is next. */
#include "conform.h"

static uint32_t start_number;

static void divide_by_zero(void)
{
    volatile int zero = 0, one = 1;
    one = one / zero;
}

static void raise(void)
{
    RETURN_CODE_TYPE code = (RETURN_CODE_TYPE)99;
    RAISE_APPLICATION_ERROR(APPLICATION_ERROR, (MESSAGE_ADDR_TYPE) "gear stuck", 10, &code);
    GOT(NO_ERROR, code, "that the partition does not survive", RAISE_APPLICATION_ERROR);
}

static void handle(void)
{
    ERROR_STATUS_TYPE status;
    RETURN_CODE_TYPE code;
    if (start_number == 2) {
        GET_ERROR_STATUS(&status, &code);
        raise();
    } else if (start_number == 3) {
        GET_ERROR_STATUS(&status, &code);
        divide_by_zero();
    }
    /* The fourth start: leaves without GET_ERROR_STATUS. */
}

static void run_driver(void)
{
    if (start_number == 5)
        finish();
    all_done();
    raise();
    pause_ms(1000);
    bh_printf("trap 11 RAISE_APPLICATION_ERROR start %u was not ended: FAIL\n", start_number);
    bh_halt(1);
}

int main(void)
{
    PARTITION_STATUS_TYPE status;
    static const char *const before[] = {"", "", "raised without a handler, it is the partition's",
                                         "raised in the handler, it is the partition's",
                                         "a fault in the handler is the partition's",
                                         "a handler that leaves without GET_ERROR_STATUS is an error of the partition"};
    start_number = bh_boot_info()->generation;
    NEED(GET_PARTITION_STATUS, &status);
    if (start_number == 1)
        SHOWS(GET_PARTITION_STATUS, "the first start is cold", status.OPERATING_MODE == COLD_START);
    else
        TRAP(11, RAISE_APPLICATION_ERROR, before[start_number < 6 ? start_number : 5],
             status.START_CONDITION == HM_PARTITION_RESTART && status.OPERATING_MODE == WARM_START);
    if (start_number > 1)
        NEED(CREATE_ERROR_HANDLER, (SYSTEM_ADDRESS_TYPE)(unsigned long)handle, STACK);
    NEED(START, create("driver", run_driver, DRIVER));
    return go_normal();
}
