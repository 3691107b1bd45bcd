/* Tells the time, in one of three ways:
 *
 *     now                 module time, epoch and wall clock, once
 *     yields N            the window's number after each of N yields
 *     spin N              never gives anything back for N windows, then prints the first and the last instant that it
 *                         saw of each, and how often the clock ran backwards
 */
#include <bulkhead/printf.h>

typedef unsigned long long ull;

struct run {
    uint64_t first, last;
    uint32_t window;
};

static unsigned number(const char *text)
{
    unsigned value = 0;
    for (; *text; text++)
        value = value * 10 + (unsigned)(*text - '0');
    return value;
}

static void yields(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        bh_yield();
        bh_printf("window %u\n", bh_window_count());
    }
}

/* Now, and the window that this instant certainly lies in. */
static uint32_t stamp(uint64_t *now)
{
    uint32_t window;
    do {
        window = bh_window_count();
        *now = bh_now_ns();
    } while (bh_window_count() != window);
    return window;
}

static void spin(unsigned count)
{
    struct run *runs = (struct run *)bh_boot_info()->areas[0].base;
    unsigned backwards = 0, done = 0;
    uint64_t now, last = 0;
    while (done <= count) {
        uint32_t window = stamp(&now);
        backwards += now < last;
        last = now;
        if (done == 0 || runs[done - 1].window != window) {
            runs[done].window = window;
            runs[done++].first = now;
        }
        runs[done - 1].last = now;
    }
    for (unsigned i = 0; i < count; i++)
        bh_printf("run %u %llu %llu\n", runs[i].window, (ull)runs[i].first, (ull)runs[i].last);
    bh_printf("backwards %u\n", backwards);
}

int main(int argc, char **argv)
{
    if (argc > 2 && argv[1][0] == 'y')
        yields(number(argv[2]));
    else if (argc > 2)
        spin(number(argv[2]));
    else
        bh_printf("now %llu\nepoch %llu\nwall %lld\n", (ull)bh_now_ns(), (ull)bh_epoch_ns(), (long long)bh_wall_ns());
    return 0;
}
