/* Faults and the guest's handler for them. The first argument says what to do:
 *
 *     repair    fault in every way, in a loop, and repair each time; every register is looked at
 *     decline   divide by zero with a handler that does not take it
 *     nested    divide by zero with a handler that follows a null pointer
 *     same      follow a null pointer with a handler that follows another
 *     overflow  use up the stack
 *     deep      divide by zero with a handler that uses up its stack
 *     no_room   wait for an interrupt where the stack has no room for it
 */
#include <bulkhead/irq.h>
#include <bulkhead/printf.h>

#include "words.h"

static int failures;
static volatile uint64_t handled, ticks;
uint64_t registers[15];
static uint64_t wanted_signal, wanted_trap;
extern char fault_behind[];

static void fail(const char *what, uint64_t want, uint64_t have)
{
    if (failures++ < 20)
        bh_printf("FAILED: %s: wanted %lx, have %lx\n", what, (unsigned long)want, (unsigned long)have);
}

/* At a fault every register but RCX, RSP and RIP holds 0x1000 and its place in struct bh_registers; RCX is 0. */
static bool look_and_change(struct bh_fault *fault)
{
    uint64_t *all = (uint64_t *)fault->registers;
    handled++;
    if ((uint64_t)fault->signal != wanted_signal || fault->trap != wanted_trap)
        fail("signal and trap", wanted_signal << 32 | wanted_trap, (uint64_t)fault->signal << 32 | fault->trap);
    for (int i = 0; i < 15; i++)
        if (all[i] != (i == 14 ? 0 : 0x1000u + (unsigned)i))
            fail("a register at the fault", i == 14 ? 0 : 0x1000u + (unsigned)i, all[i]);
    for (int i = 0; i < 15; i++)
        all[i] += 0x100;
    fault->registers->rip = (uint64_t)fault_behind;
    return true;
}

/* Loads the registers and faults; the handler resumes where they are written down. */
#define FAULT(name, instruction) \
    __attribute__((naked, noinline)) static void name(void) \
    { \
        __asm__("push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n\t" \
                "mov $0x1000, %r8; mov $0x1001, %r9; mov $0x1002, %r10; mov $0x1003, %r11\n\t" \
                "mov $0x1004, %r12; mov $0x1005, %r13; mov $0x1006, %r14; mov $0x1007, %r15\n\t" \
                "mov $0x1008, %rdi; mov $0x1009, %rsi; mov $0x100a, %rbp; mov $0x100b, %rbx\n\t" \
                "mov $0x100c, %rdx; mov $0x100d, %rax; xor %ecx, %ecx\n\t" instruction "\n\t" \
                "jmp fault_behind"); \
    }

FAULT(divide, "div %rcx")
FAULT(follow_null, "mov (%rcx), %rcx")
FAULT(undefined, "ud2")
FAULT(breakpoint, "int3")
FAULT(privileged, "hlt")

__asm__(".pushsection .text\n"
        ".globl fault_behind\n"
        "fault_behind:\n\t"
        "mov %r8, registers(%rip); mov %r9, registers+8(%rip); mov %r10, registers+16(%rip)\n\t"
        "mov %r11, registers+24(%rip); mov %r12, registers+32(%rip); mov %r13, registers+40(%rip)\n\t"
        "mov %r14, registers+48(%rip); mov %r15, registers+56(%rip); mov %rdi, registers+64(%rip)\n\t"
        "mov %rsi, registers+72(%rip); mov %rbp, registers+80(%rip); mov %rbx, registers+88(%rip)\n\t"
        "mov %rdx, registers+96(%rip); mov %rax, registers+104(%rip); mov %rcx, registers+112(%rip)\n\t"
        "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n\t"
        "ret\n"
        ".popsection\n");

static void tick(uint32_t line, void *argument)
{
    (void)line, (void)argument;
    ticks++;
}

static void repair(void)
{
    static const struct {
        const char *name;
        void (*run)(void);
        uint64_t signal, trap;
    } ways[] = {{"divide", divide, 8, 0},          {"follow_null", follow_null, 11, 14}, {"undefined", undefined, 4, 6},
                {"breakpoint", breakpoint, 5, 3}, {"privileged", privileged, 11, 13}};
    bh_fault_set_handler(look_and_change);
    /* Interrupts come and go meanwhile. */
    bh_irq_request(BH_LINE_TIMER, tick, 0);
    bh_timer_periodic(bh_now_ns() + 200000, 200000);
    for (int round = 0; round < 5000; round++) {
        int way = round % 5;
        uint64_t before = handled;
        wanted_signal = ways[way].signal;
        wanted_trap = ways[way].trap;
        ways[way].run();
        if (handled != before + 1)
            fail("handled once", before + 1, handled);
        for (int i = 0; i < 15; i++) {
            uint64_t want = i == 14 ? 0x100 : 0x1100u + (unsigned)i;
            if (registers[i] != want)
                fail("a register after the fault", want, registers[i]);
        }
    }
    bh_timer_stop();
    bh_printf("handled %lu\nticked %d\nfailures %d\n", (unsigned long)handled, ticks > 0, failures);
}

static bool decline(struct bh_fault *fault)
{
    (void)fault;
    bh_print("not mine\n");
    return false;
}

static volatile int *volatile nowhere;

static bool follow_another(struct bh_fault *fault)
{
    (void)fault;
    *(volatile int *)((uintptr_t)nowhere + 0x20) = 1;
    return true;
}

#pragma GCC diagnostic ignored "-Winfinite-recursion"
__attribute__((noinline, noclone)) static uint64_t use_up_the_stack(volatile uint64_t *above)
{
    volatile uint64_t frame[4] = {*above + 1};
    return use_up_the_stack(frame) + frame[0];
}

static bool use_up_its_stack(struct bh_fault *fault)
{
    return use_up_the_stack(&fault->registers->rax) != 0;
}

__attribute__((naked, noinline)) static void no_room(uint64_t stack)
{
    (void)stack;
    __asm__("mov %rdi, %rsp\n"
            "1: jmp 1b");
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "";
    if (is(how, "repair")) {
        repair();
        return failures != 0;
    }
    if (is(how, "decline") || is(how, "nested")) {
        bh_fault_set_handler(is(how, "decline") ? decline : follow_another);
        divide();
    }
    if (is(how, "deep")) {
        bh_fault_set_handler(use_up_its_stack);
        divide();
    }
    if (is(how, "same")) {
        bh_fault_set_handler(follow_another);
        follow_null();
    }
    if (is(how, "overflow")) {
        volatile uint64_t zero = 0;
        return (int)use_up_the_stack(&zero);
    }
    if (is(how, "no_room")) {
        bh_irq_request(BH_LINE_TIMER, tick, 0);
        bh_timer_one_shot(bh_now_ns() + 1000000);
        no_room(bh_boot_info()->areas[1].base + 144);
    }
    return 2;
}
