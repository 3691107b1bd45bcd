/* Floods itself with timers of a microsecond, the shortest that setitimer takes.
 *
 *     handled    one timer that repeats, whose signals the shim handles
 *     blocked    ever new timers, whose signals a forged signal frame has blocked
 */
#include <bulkhead/printf.h>

#include "f_forge.h"

/* The shim's; no header offers it, but any guest can find it. */
long bh_syscall(long number, long a, long b, long c, long d, long e);

#define SETITIMER 38

/* Repetition and first expiry, each in seconds and microseconds. */
static const long microsecond[4] = {0, 1, 0, 1};

static void flood(void)
{
    for (;;)
        bh_syscall(SETITIMER, 0, (long)microsecond, 0, 0, 0);
}

int main(int argc, char **argv)
{
    bh_printf("flooding, %s\n", argv[argc - 1]);
    if (argv[argc - 1][0] == 'b')
        f_forge(flood, ~0ul);
    bh_syscall(SETITIMER, 0, (long)microsecond, 0, 0, 0);
    for (;;)
        __asm__ volatile("");
}
