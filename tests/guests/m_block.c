/* Partitions with memory blocks. Each uses the block "map":
 *
 *     write            writes a number to the first and the last word, and says where and how large the block is
 *     read             waits for these numbers, and says likewise
 *     absent           says whether it has the block, and reads from the address where others have it
 *     poke             waits as "read" does, and writes to the last word
 *     unlock           makes the block's first page writable with a system call, and writes there
 *     keep             adds 1 to the first word and starts anew: after a crash, after a division by zero, and then it ends
 */
#include <bulkhead/bulkhead.h>
#include <bulkhead/memory.h>
#include <bulkhead/printf.h>

#define BASE 0x130000000000ul /* of the module's first block */
#define MPROTECT 10
#define READ_AND_WRITE 3

/* The shim's; no header offers it, but any guest can find it. */
long bh_syscall(long number, long a, long b, long c, long d, long e);

static volatile int zero;

static int same(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

static void wait_for(volatile uint64_t *word, uint64_t value)
{
    for (int windows = 0; __atomic_load_n(word, __ATOMIC_ACQUIRE) != value; windows++) {
        if (windows == 500) {
            bh_print("FAILED: nothing came\n");
            bh_halt(1);
        }
        bh_yield();
    }
}

static void keep(volatile uint64_t *word)
{
    const struct bh_boot_info *info = bh_boot_info();
    bh_printf("start %u, condition %u: %lu\n", info->generation, info->start_condition, *word);
    ++*word;
    /* What has been printed is fetched between windows. */
    for (int windows = 0; windows < 20; windows++)
        bh_yield();
    if (info->generation == 1)
        *(volatile int *)0 = 1;
    else if (info->generation == 2)
        bh_printf("%d\n", 10 / zero);
    bh_halt(0);
}

int main(int argc, char **argv)
{
    const char *role = argc > 1 ? argv[1] : "";
    const struct bh_block_info *block = bh_memory_block_find("map");
    if (same(role, "absent")) {
        bh_printf("%s, %s\n", block ? "found" : "not found", bh_memory_block_at(0) ? "one" : "none");
        for (int windows = 0; windows < 20; windows++)
            bh_yield();
        bh_printf("read %lu\n", *(volatile uint64_t *)BASE);
        return 0;
    }
    if (!block || block != bh_memory_block_at(0) || bh_memory_block_at(1)) {
        bh_print("FAILED: no block, or another\n");
        return 1;
    }
    volatile uint64_t *words = (volatile uint64_t *)block->base;
    uint64_t last = block->size / 8 - 1;
    if (same(role, "keep"))
        keep(words);
    if (same(role, "write")) {
        words[last] = 2;
        __atomic_store_n(&words[0], 1, __ATOMIC_RELEASE);
    } else {
        wait_for(&words[0], 1);
    }
    bh_printf("%lx, %lu bytes, writable %u: %lu %lu\n", block->base, block->size, block->writable, words[0], words[last]);
    for (int windows = 0; windows < 20; windows++)
        bh_yield();
    if (same(role, "poke"))
        words[last] = 3;
    if (same(role, "unlock"))
        bh_printf("mprotect: %ld\n", bh_syscall(MPROTECT, (long)block->base, 4096, READ_AND_WRITE, 0, 0));
    if (same(role, "poke") || same(role, "unlock"))
        bh_print("lives\n");
    return 0;
}
