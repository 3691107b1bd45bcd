/* RTEMS' memory is the partition's RAM area. */
#include <bsp/bootcard.h>
#include <rtems/score/memory.h>
#include <rtems/sysinit.h>

#include <bulkhead/bulkhead.h>

static Memory_Area areas[1];
static const Memory_Information information = MEMORY_INFORMATION_INITIALIZER(areas);

static void find_memory(void)
{
    const struct bh_boot_info *info = bh_boot_info();
    for (uint32_t index = 0; index < info->area_count; index++)
        if (info->areas[index].kind == BH_AREA_RAM) {
            char *begin = (char *)info->areas[index].base;
            _Memory_Initialize(&areas[0], begin, begin + info->areas[index].size);
            return;
        }
}

RTEMS_SYSINIT_ITEM(find_memory, RTEMS_SYSINIT_MEMORY, RTEMS_SYSINIT_ORDER_MIDDLE);

const Memory_Information *_Memory_Get(void)
{
    return &information;
}
