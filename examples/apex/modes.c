/* Partition modes: the partition restarts itself warm, then cold, and then idles; each start says why it happened.
 *
 *     bulkhead run examples/apex/modes.elf
 */
#include "example.h"

static void change(void)
{
    static const char *const words[] = {"idle", "cold start", "warm start"};
    RETURN_CODE_TYPE code;
    uint32_t start = bh_boot_info()->generation;
    OPERATING_MODE_TYPE next = start == 1 ? WARM_START : start == 2 ? COLD_START : IDLE;
    bh_printf("start %u asks for %s\n", start, words[next]);
    SET_PARTITION_MODE(next, &code);
    bh_printf("refused: %d\n", code);
    bh_halt(1);
}

int main(void)
{
    static const char *const reasons[] = {"the module's start", "its own wish", "the module's restart by the health monitor",
                                          "a restart by the health monitor"};
    PARTITION_STATUS_TYPE status;
    CALL(GET_PARTITION_STATUS, &status);
    bh_printf("a %s start, because of %s\n", status.OPERATING_MODE == WARM_START ? "warm" : "cold", reasons[status.START_CONDITION]);
    process("change", change, 20, FOREVER);
    return begin();
}
