/* Makes one system call in the way that its arguments ask for, and says so if it is still alive afterwards.
 *
 *     own NUMBER [A [B]]    through an instruction of its own
 *     shim NUMBER [A [B]]   through the shim's own instruction
 *     good NUMBER           through an instruction of its own, with good arguments for one of the calls that are allowed
 *     int80 NUMBER          through the 32-bit entry
 *     vsyscall              through the page that old programs called for the time
 *     blocked NUMBER        through an instruction of its own, with every signal blocked by a forged signal frame; twenty
 *                           windows pass before, in which one can look at the mask
 *
 * Arguments that are not given are 0.
 *
 * Numbers are decimal, with a minus sign if need be, and may have 64 bits. With -DPLAIN, and without the shim, this is an
 * ordinary program that makes the same calls without a fence, and whose exit status 0 says that it lived.
 */
#ifdef PLAIN
#include <stddef.h>
#include <stdint.h>
#else
#include <bulkhead/bulkhead.h>
#endif
#include "f_forge.h"

#define FUTEX 202
#define SETITIMER 38
#define EXIT_GROUP 231

static long own_call(long number, long a, long b, long c, long d)
{
    register long r10 __asm__("r10") = d;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                     : "rcx", "r11", "memory");
    return result;
}

static int int80_call(int number)
{
    int result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(0), "c"(0), "d"(0), "S"(0), "D"(0) : "memory");
    return result;
}

static int same(const char *a, const char *b)
{
    for (; *a == *b; a++, b++)
        if (*a == 0)
            return 1;
    return 0;
}

static long number(const char *text)
{
    int negative = *text == '-';
    unsigned long value = 0;
    for (text += negative; *text != 0; text++)
        value = value * 10 + (unsigned long)(*text - '0');
    return (long)(negative ? -value : value);
}

#ifdef PLAIN

static void run(int argc, char **argv)
{
    if (argc == 3 && same(argv[1], "own"))
        own_call(number(argv[2]), 0, 0, 0, 0);
    else if (argc == 3 && same(argv[1], "int80"))
        int80_call((int)number(argv[2]));
    else
        own_call(EXIT_GROUP, 2, 0, 0, 0);
    own_call(EXIT_GROUP, 0, 0, 0, 0);
}

__attribute__((used)) static void begin(long *stack)
{
    run((int)stack[0], (char **)(stack + 1));
}

__asm__(".globl _start\n_start: mov %rsp, %rdi\nand $-16, %rsp\ncall begin\nud2");

#else

/* The shim's; no header offers it, but any guest can find it. */
long bh_syscall(long number, long a, long b, long c, long d, long e);

static const long no_time[4];
static uint32_t word;
static long blocked_number;

__attribute__((noreturn)) static void lives(void)
{
    bh_print("alive\n");
    bh_halt(0);
}

static void call_while_blocked(void)
{
    for (int windows = 0; windows < 20; windows++)
        bh_yield();
    own_call(blocked_number, 0, 0, 0, 0);
    lives();
}

int main(int argc, char **argv)
{
    const char *way = argc > 1 ? argv[1] : "";
    long what = argc > 2 ? number(argv[2]) : 0;
    long a = argc > 3 ? number(argv[3]) : 0;
    long b = argc > 4 ? number(argv[4]) : 0;

    if (same(way, "good") && what == F_SIGRETURN)
        f_forge(lives, 0);
    else if (same(way, "good") && what == FUTEX)
        own_call(FUTEX, (long)&word, 1, 1, 0);
    else if (same(way, "good") && what == SETITIMER)
        own_call(SETITIMER, 0, (long)no_time, 0, 0);
    else if (same(way, "good") && what == EXIT_GROUP) {
        bh_print("alive\n");
        own_call(EXIT_GROUP, 0, 0, 0, 0);
    } else if (same(way, "own"))
        own_call(what, a, b, 0, 0);
    else if (same(way, "shim"))
        bh_syscall(what, a, b, 0, 0, 0);
    else if (same(way, "int80"))
        int80_call((int)what);
    else if (same(way, "vsyscall"))
        ((long (*)(void *, void *))0xffffffffff600000)(0, 0);
    else if (same(way, "blocked")) {
        blocked_number = what;
        f_forge(call_while_blocked, ~0ul);
    } else
        return 2;
    lives();
}

#endif
