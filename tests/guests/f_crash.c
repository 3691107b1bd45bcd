/* Crashes again and again, as its arguments say:
 *
 *     WINDOWS LAST [REST-AT REST]
 *
 * In each of its first LAST starts it runs WINDOWS windows and then crashes; the start behind them stays. In start REST-AT
 * it rests for REST windows first, in which one can look at the supervisor. */
#include <bulkhead/printf.h>

static unsigned number(const char *text)
{
    unsigned value = 0;
    for (; *text != 0; text++)
        value = value * 10 + (unsigned)(*text - '0');
    return value;
}

int main(int argc, char **argv)
{
    unsigned start = bh_boot_info()->generation;
    unsigned windows = argc > 1 ? number(argv[1]) : 0;
    unsigned last = argc > 2 ? number(argv[2]) : 0;

    bh_printf("start %u\n", start);
    if (argc > 4 && start == number(argv[3]))
        windows += number(argv[4]);
    while (start > last || windows-- > 0)
        bh_yield();
    __builtin_trap();
}
