/* A partition that starts again and again: by its own wish warm, cold, and after a crash; at last it idles. What each
 * start is to check tells the number of the start, which the boot information has. */
#include "conform.h"

static uint32_t start_number;

/* A word in the middle of the RAM area, which the executive does not use. */
static volatile uint64_t *word_in_ram(void)
{
    const struct bh_boot_info *info = bh_boot_info();
    for (unsigned i = 0; i < info->area_count; i++)
        if (info->areas[i].kind == BH_AREA_RAM)
            return (volatile uint64_t *)(info->areas[i].base + info->areas[i].size / 2 / 8 * 8);
    return 0;
}

#define KEPT 0x6b657074ull

static void mode(OPERATING_MODE_TYPE wanted)
{
    RETURN_CODE_TYPE code = (RETURN_CODE_TYPE)99;
    all_done();
    SET_PARTITION_MODE(wanted, &code);
    bh_printf("check SET_PARTITION_MODE - does not return: FAIL (%s)\n", code_name(code));
    bh_halt(1);
}

static void crash(void)
{
    volatile int *volatile nowhere = (volatile int *)8;
    *nowhere = 1;
}

static void run_driver(void)
{
    PARTITION_STATUS_TYPE status;
    NEED(GET_PARTITION_STATUS, &status);
    SHOWS(GET_PARTITION_STATUS, "in NORMAL, at every start", status.OPERATING_MODE == NORMAL);
    *word_in_ram() = KEPT;
    switch (start_number) {
    case 1:
        mode(WARM_START);
        break;
    case 2:
        mode(COLD_START);
        break;
    case 3:
        all_done();
        crash();
        break;
    default:
        mode(IDLE);
    }
}

/* What a start finds: why it happened, how, and whether the RAM is as it was left. */
static void found(const char *why, START_CONDITION_TYPE condition, const char *how, OPERATING_MODE_TYPE start_mode, int kept)
{
    PARTITION_STATUS_TYPE status;
    NEED(GET_PARTITION_STATUS, &status);
    TRAP(12, GET_PARTITION_STATUS, why, status.START_CONDITION == condition);
    TRAP(12, SET_PARTITION_MODE, how, status.OPERATING_MODE == start_mode && (*word_in_ram() == KEPT) == kept);
}

int main(void)
{
    BUFFER_ID_TYPE id;
    PROCESS_ID_TYPE process;
    start_number = bh_boot_info()->generation;
    switch (start_number) {
    case 1:
        found("NORMAL_START with the module", NORMAL_START, "a first start is cold", COLD_START, 0);
        break;
    case 2:
        found("PARTITION_RESTART after WARM_START", PARTITION_RESTART, "WARM_START keeps data", WARM_START, 1);
        break;
    case 3:
        found("PARTITION_RESTART after COLD_START", PARTITION_RESTART, "COLD_START clears data", COLD_START, 0);
        break;
    default:
        found("HM_PARTITION_RESTART after a crash", HM_PARTITION_RESTART, "the table says warm after a crash", WARM_START, 1);
    }
    RETURN_CODE_TYPE object, named;
    GET_BUFFER_ID("buffer", &id, &object);
    GET_PROCESS_ID("driver", &process, &named);
    TRAP(12, SET_PARTITION_MODE, "a restart clears processes and objects", object == INVALID_CONFIG && named == INVALID_CONFIG);
    NEED(CREATE_BUFFER, "buffer", 8, 1, FIFO, &id);
    NEED(START, create("driver", run_driver, DRIVER));
    return go_normal();
}
