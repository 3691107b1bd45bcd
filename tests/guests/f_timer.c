/* Floods itself with timers of a microsecond, the shortest that setitimer takes. SIGALRM would end it, so a forged signal
 * frame blocks that first. */
#include <bulkhead/bulkhead.h>

#include "f_forge.h"

long bh_syscall(long number, long a, long b, long c, long d, long e);

#define SETITIMER 38
#define SIGALRM 14

static const long microsecond[4] = {0, 1, 0, 1};

static void flood(void)
{
    for (;;)
        bh_syscall(SETITIMER, 0, (long)microsecond, 0, 0, 0);
}

int main(void)
{
    bh_print("flooding\n");
    f_forge(flood, 1ul << (SIGALRM - 1));
}
