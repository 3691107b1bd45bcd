/* Overruns its windows by dying: it maps all of its RAM by touching it, and ends shortly before its window does, so that the kernel has much to
 * take apart when the window is over. A guest that does not end overruns nothing: with the argument "stay" it does all but that. */
#include <bulkhead/bulkhead.h>

#include "words.h"

/* Before the window's end, in nanoseconds. */
#define EARLY 150000

int main(int argc, char **argv)
{
    const struct bh_boot_info *boot = bh_boot_info();
    for (uint32_t index = 0; index < boot->area_count; index++) {
        const struct bh_memory_area *area = &boot->areas[index];
        if (area->kind == BH_AREA_RAM)
            for (uint64_t at = 0; at < area->size; at += 4096)
                ((volatile char *)(uintptr_t)area->base)[at] = 1;
    }
    bool stays = argc > 1 && is(argv[1], "stay");
    uint64_t window = boot->windows[0].duration_ns, start = boot->windows[0].start_ns;
    for (uint32_t seen = bh_window_count();;) {
        /* A window in which it has been from the beginning on. */
        if (bh_window_count() == seen)
            continue;
        uint64_t into = (bh_now_ns() - bh_epoch_ns()) % boot->major_frame_ns;
        if (into < start || into + EARLY < start + window)
            continue;
        seen = bh_window_count();
        if (!stays)
            bh_halt(1);
    }
}
