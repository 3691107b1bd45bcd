/* Prints what the boot information says, and uses all the memory that it promises. */
#include <bulkhead/printf.h>

static const struct bh_memory_area *area(enum bh_area_kind kind)
{
    const struct bh_boot_info *boot = bh_boot_info();
    for (unsigned i = 0; i < boot->area_count; i++)
        if (boot->areas[i].kind == (uint32_t)kind)
            return &boot->areas[i];
    return 0;
}

static void name(const char *what, const char *text)
{
    int length = 0;
    while (length < BH_NAME_LEN && text[length])
        length++;
    bh_printf("%s ", what);
    bh_print_bytes(text, (size_t)length);
    bh_print("\n");
}

/* Uses the stack down to its last page, in frames of some 600 bytes. */
__attribute__((noinline)) static int descend(uint64_t lowest)
{
    volatile char frame[512];
    frame[0] = 1;
    frame[sizeof frame - 1] = 2;
    if ((uint64_t)frame > lowest + 2048)
        return descend(lowest) + frame[0];
    return frame[sizeof frame - 1];
}

static int is_zero(const struct bh_memory_area *where)
{
    const volatile uint64_t *word = (const volatile uint64_t *)where->base;
    for (uint64_t i = 0; i < where->size / sizeof *word; i++)
        if (word[i] != 0)
            return 0;
    return 1;
}

static int holds(volatile uint8_t *byte)
{
    uint8_t before = *byte;
    *byte = 0x5a;
    int held = *byte == 0x5a;
    *byte = 0xa5;
    held &= *byte == 0xa5;
    *byte = before;
    return held;
}

int main(int argc, char **argv)
{
    const struct bh_boot_info *boot = bh_boot_info();

    bh_printf("abi %u, size %u\n", boot->abi_version, boot->size);
    bh_printf("partition %u, generation %u, condition %u, mode %u\n", boot->partition_id, boot->generation,
              boot->start_condition, boot->start_mode);
    name("name", boot->partition_name);
    name("module", boot->module_name);
    bh_printf("frame %llu ns\n", (unsigned long long)boot->major_frame_ns);
    for (unsigned i = 0; i < boot->window_count; i++)
        bh_printf("window %llu + %llu\n", (unsigned long long)boot->windows[i].start_ns,
                  (unsigned long long)boot->windows[i].duration_ns);
    for (int i = 0; i < argc; i++)
        bh_printf("argv[%d] <%s>\n", i, argv[i]);
    bh_printf("argv[argc] is %s\n", argv[argc] == 0 ? "null" : "not null");
    for (unsigned i = 0; i < boot->area_count; i++)
        bh_printf("area %u, writable %u, %llu bytes\n", boot->areas[i].kind, boot->areas[i].writable,
                  (unsigned long long)boot->areas[i].size);

    const struct bh_memory_area *ram = area(BH_AREA_RAM), *stack = area(BH_AREA_STACK);
    bh_printf("RAM is %s\n", is_zero(ram) ? "zero" : "not zero");
    volatile uint8_t *first = (volatile uint8_t *)ram->base;
    bh_printf("RAM %s\n", holds(first) && holds(first + ram->size - 1) ? "holds at both ends" : "does not hold");
    uint64_t here = (uint64_t)__builtin_frame_address(0);
    bh_printf("the stack is %s\n", here > stack->base && here <= stack->base + stack->size ? "in its area" : "elsewhere");
    bh_printf("its last page %s\n", descend(stack->base) > 2 ? "is usable" : "was not reached");
    return 0;
}
