/* Writes to every page of its RAM, for ever. One that the host has taken away in the meantime has to be fetched, and as neighbours do not
 * follow each other, it comes alone. */
#include <bulkhead/bulkhead.h>

/* Has no factor in common with the number of pages, which is a power of two. */
#define STRIDE 1237

int main(void)
{
    const struct bh_boot_info *boot = bh_boot_info();
    for (uint32_t index = 0;; index = (index + 1) % boot->area_count) {
        const struct bh_memory_area *area = &boot->areas[index];
        if (area->kind != BH_AREA_RAM)
            continue;
        volatile char *ram = (volatile char *)(uintptr_t)area->base;
        uint64_t pages = area->size / 4096;
        for (uint64_t page = 0; page < pages; page++)
            ram[page * STRIDE % pages * 4096]++;
    }
}
