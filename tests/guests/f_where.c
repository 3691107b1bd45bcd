/* Tells every address that it can find out, and then crashes in its first two starts. */
#include <bulkhead/printf.h>

static int data = 1, bss;

int main(int argc, char **argv)
{
    const struct bh_boot_info *boot = bh_boot_info();
    int local;

    bh_printf("code %p data %p bss %p stack %p frame %p\n", (void *)(uintptr_t)main, (void *)&data, (void *)&bss,
              (void *)&local, __builtin_frame_address(0));
    bh_printf("boot %p argv %p windows %p clock %llx vcpu %llx\n", (const void *)boot, (void *)argv,
              (const void *)boot->windows, (unsigned long long)boot->clock, (unsigned long long)boot->vcpu);
    for (int index = 0; index < argc; index++)
        bh_printf("argument %p %s\n", (void *)argv[index], argv[index]);
    bh_printf("rings %llx %llx %llx %llx %llx %llx\n", (unsigned long long)boot->out_producer,
              (unsigned long long)boot->out_consumer, (unsigned long long)boot->out_data,
              (unsigned long long)boot->in_producer, (unsigned long long)boot->in_consumer,
              (unsigned long long)boot->in_data);
    for (unsigned index = 0; index < boot->area_count; index++)
        bh_printf("area %u %llx %llx\n", boot->areas[index].kind, (unsigned long long)boot->areas[index].base,
                  (unsigned long long)boot->areas[index].size);
    if (boot->generation <= 2)
        __builtin_trap();
    for (;;)
        bh_yield();
}
