/* Memory blocks, for a partition that may write them. */
#include "conform.h"

static void run_driver(void)
{
    MEMORY_BLOCK_STATUS_TYPE map = {0, READ, 0}, own = {0, READ, 0};
    EXPECT(NO_ERROR, "one to write", GET_MEMORY_BLOCK_STATUS, "map", &map);
    SHOWS(GET_MEMORY_BLOCK_STATUS, "mode and size of one to write",
          map.MEMORY_BLOCK_MODE == READ_WRITE && map.MEMORY_BLOCK_SIZE == 65536);
    EXPECT(NO_ERROR, "another", GET_MEMORY_BLOCK_STATUS, "a name of thirty-two bytes, full", &own);
    SHOWS(GET_MEMORY_BLOCK_STATUS, "two blocks lie apart",
          own.MEMORY_BLOCK_SIZE == 4096 && (own.MEMORY_BLOCK_ADDR >= map.MEMORY_BLOCK_ADDR + map.MEMORY_BLOCK_SIZE ||
                                            map.MEMORY_BLOCK_ADDR >= own.MEMORY_BLOCK_ADDR + own.MEMORY_BLOCK_SIZE));
    volatile APEX_BYTE *last = own.MEMORY_BLOCK_ADDR + own.MEMORY_BLOCK_SIZE - 1;
    *last = 7;
    SHOWS(GET_MEMORY_BLOCK_STATUS, "a block can be written to its end", *last == 7);
    /* For the other partition: where the block is here, at its end, and then that it is written. */
    volatile unsigned long *words = (volatile unsigned long *)map.MEMORY_BLOCK_ADDR;
    words[map.MEMORY_BLOCK_SIZE / 8 - 1] = (unsigned long)map.MEMORY_BLOCK_ADDR;
    __atomic_store_n(&words[0], 1, __ATOMIC_RELEASE);
    finish();
}

int main(void)
{
    MEMORY_BLOCK_STATUS_TYPE status;
    EXPECT(NO_ERROR, "before NORMAL", GET_MEMORY_BLOCK_STATUS, "map", &status);
    NEED(START, create("driver", run_driver, DRIVER));
    return go_normal();
}
