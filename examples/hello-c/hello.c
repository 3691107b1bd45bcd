/* The smallest guest that shows something: greets once a window, then ends well. */
#include <bulkhead/printf.h>

int main(int argc, char **argv)
{
    const struct bh_boot_info *boot = bh_boot_info();
    int greetings = argc > 1 ? argv[1][0] - '0' : 3;

    bh_printf("hello from C: partition %u, start %u, %u window(s) in a frame of %llu us\n", boot->partition_id,
              boot->generation, boot->window_count, (unsigned long long)boot->major_frame_ns / 1000);
    for (int i = 1; i <= greetings; i++) {
        unsigned long long since = bh_now_ns() - bh_epoch_ns();
        bh_printf("greeting %d, %llu.%03llu ms into the module\n", i, since / 1000000, since / 1000 % 1000);
        bh_yield();
    }
    return 0;
}
