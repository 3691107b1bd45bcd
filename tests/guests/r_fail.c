/* Fails in the way that its first argument names, each in a function of its own.
 *
 * Before that it tells how it was started and how often it failed, which it counts in its RAM; with a second argument
 * it fails only so many times and then ends well. */
#include <bulkhead/printf.h>

#include "words.h"

#define ALONE __attribute__((noinline, noclone, used))

static volatile int zero;
static int never_executed[4] = {1};

ALONE static void null_read(void)
{
    (void)*(volatile int *)(uintptr_t)zero;
}

ALONE static void host_write(void)
{
    *(volatile uint32_t *)&bh_boot_info()->generation = 7;
}

#pragma GCC diagnostic ignored "-Winfinite-recursion"
ALONE static int stack_overflow(volatile char *above)
{
    volatile char frame[256];
    frame[0] = *above;
    return stack_overflow(frame) + frame[0];
}

ALONE static void division(void)
{
    __asm__ volatile("idivl %0" : : "r"(zero), "a"(1), "d"(0));
}

ALONE static void undefined(void)
{
    __asm__ volatile("ud2");
}

ALONE static void breakpoint(void)
{
    __asm__ volatile("int3");
}

ALONE static void privileged(void)
{
    __asm__ volatile("cli");
}

ALONE static void misaligned(void)
{
    static char space[32] __attribute__((aligned(16)));
    __asm__ volatile("movaps %%xmm0, 1(%0)" : : "r"(space) : "memory");
}

/* No address at all as far as the processor is concerned. */
ALONE static void non_canonical(void)
{
    *(volatile int *)(0x8000000000000000ull + (unsigned)zero) = 1;
}

ALONE static void jump_to_data(void)
{
    bh_printf("data at %p\n", (void *)never_executed);
    __asm__ volatile("jmp *%0" : : "r"(never_executed));
}

ALONE static void forbidden(void)
{
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(39) : "rcx", "r11", "memory");
}

ALONE static void forbidden32(void)
{
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory");
}

/* A wait of a millisecond, over and over: stopped in its middle it is restarted by a call that is not allowed. */
ALONE static void timed_wait(void)
{
    static uint32_t word;
    struct {
        int64_t seconds, nanoseconds;
    } limit = {0, 1000000};
    for (int i = 0; i < 1000; i++) {
        long result = 202;
        register void *timeout __asm__("r10") = &limit;
        __asm__ volatile("syscall" : "+a"(result) : "D"(&word), "S"(0), "d"(0), "r"(timeout) : "rcx", "r11", "memory");
    }
}

/* What the guest's own pages say before it fails is a lie from the first word to the last. */
ALONE static void lie_first(void)
{
    volatile uint8_t *page = (volatile uint8_t *)bh_boot_info()->vcpu;
    for (int i = 0; i < 4096; i++)
        page[i] = 0xff;
    __asm__ volatile("ud2");
}

/* A note about a fault that never was, and an ordinary end. */
ALONE static int lie_and_exit(void)
{
    volatile uint32_t *record = (volatile uint32_t *)(bh_boot_info()->vcpu + 64);
    record[1] = 11;
    record[4] = 0x1234;
    record[0] = 1;
    return 3;
}

ALONE static void lost_stack(void)
{
    __asm__ volatile("mov $0x10, %rsp\n\tud2");
}

/* The shim's own memory is the guest's to ruin: here everything writable in the image, the stacks included. */
ALONE static void ruin(void)
{
    extern char __bss_start[], _end[];
    for (volatile char *at = __bss_start; at < (volatile char *)_end; at++)
        *at = (char)0xee;
    __asm__ volatile("ud2");
}

static int fail(const char *how)
{
    if (how[0] >= '0' && how[0] <= '9')
        return how[0] - '0';
    char here = 0;
    if (is(how, "null_read")) null_read();
    if (is(how, "host_write")) host_write();
    if (is(how, "stack_overflow")) stack_overflow(&here);
    if (is(how, "division")) division();
    if (is(how, "undefined")) undefined();
    if (is(how, "breakpoint")) breakpoint();
    if (is(how, "privileged")) privileged();
    if (is(how, "misaligned")) misaligned();
    if (is(how, "non_canonical")) non_canonical();
    if (is(how, "jump_to_data")) jump_to_data();
    if (is(how, "forbidden")) forbidden();
    if (is(how, "forbidden32")) forbidden32();
    if (is(how, "timed_wait")) timed_wait();
    if (is(how, "lie_first")) lie_first();
    if (is(how, "lie_and_exit")) return lie_and_exit();
    if (is(how, "lost_stack")) lost_stack();
    if (is(how, "ruin")) ruin();
    return 0;
}

int main(int argc, char **argv)
{
    const struct bh_boot_info *boot = bh_boot_info();
    unsigned *failures = (unsigned *)boot->areas[0].base;
    int times = argc > 2 ? argv[2][0] - '0' : 1000;

    bh_printf("start %u, mode %u, condition %u, failures %u\n", boot->generation, boot->start_mode,
              boot->start_condition, *failures);
    /* A cold start forgets the failures, not the generation. */
    if (argc < 2 || boot->generation > (unsigned)times) {
        bh_print("all is well\n");
        return 0;
    }
    ++*failures;
    bh_print("last words\n");
    return fail(argv[1]);
}
