/* Memory blocks, for a partition that may read one of them. */
#include "conform.h"

static void run_driver(void)
{
    MEMORY_BLOCK_STATUS_TYPE map = {0, READ_WRITE, 0}, other = {(MEMORY_BLOCK_ADDR_TYPE)1, READ_WRITE, 3};
    EXPECT(NO_ERROR, "one to read", GET_MEMORY_BLOCK_STATUS, "map", &map);
    SHOWS(GET_MEMORY_BLOCK_STATUS, "mode and size of one to read",
          map.MEMORY_BLOCK_MODE == READ && map.MEMORY_BLOCK_SIZE == 65536);
    EXPECT(INVALID_CONFIG, "no such name", GET_MEMORY_BLOCK_STATUS, "nobody", &other);
    EXPECT(INVALID_CONFIG, "the beginning of a name", GET_MEMORY_BLOCK_STATUS, "ma", &other);
    EXPECT(INVALID_CONFIG, "a block of another partition", GET_MEMORY_BLOCK_STATUS, "a name of thirty-two bytes, full",
           &other);

    volatile unsigned long *words = (volatile unsigned long *)map.MEMORY_BLOCK_ADDR;
    for (int tries = 0; tries < 100 && __atomic_load_n(&words[0], __ATOMIC_ACQUIRE) == 0; tries++)
        pause_ms(20);
    SHOWS(GET_MEMORY_BLOCK_STATUS, "what another partition writes is seen", words[0] == 1);
    SHOWS(GET_MEMORY_BLOCK_STATUS, "the address is the same in every partition",
          words[map.MEMORY_BLOCK_SIZE / 8 - 1] == (unsigned long)map.MEMORY_BLOCK_ADDR);
    finish();
}

int main(void)
{
    NEED(START, create("driver", run_driver, DRIVER));
    return go_normal();
}
