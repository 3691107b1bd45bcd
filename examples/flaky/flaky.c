/* A guest that misbehaves: it reads through a null pointer, three times. The health monitor restarts it warm, so that
 * the count in its RAM survives, and the fourth start is a good one. */
#include <bulkhead/printf.h>

__attribute__((noipa)) static void read_the_altimeter(volatile int *altimeter)
{
    bh_printf("altitude %d\n", *altimeter);
}

int main(void)
{
    const struct bh_boot_info *boot = bh_boot_info();
    unsigned *crashes = (unsigned *)boot->areas[0].base;

    bh_printf("start %u (%s), %u crash(es) so far\n", boot->generation,
              boot->start_mode == BH_WARM_START ? "warm" : "cold", *crashes);
    bh_yield();
    if (*crashes < 3) {
        ++*crashes;
        read_the_altimeter(0);
    }
    bh_print("landed\n");
    return 0;
}
