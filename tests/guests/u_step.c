/* Compiled without instrumentation: what moves virtual time is `--preempt step` or nothing. What it does is its first argument.
 *
 *     ticks COUNT NS     loops until so many ticks have interrupted it, the first after NS and each after a little longer, and prints where
 *                        in the loop they did
 *     endless NS         loops without a body until a tick after NS ends the partition
 *     repeat NS          copies and fills memory by repeated instructions, struck by ticks after NS
 *     mask NS            counts up two words with interrupts masked, struck by ticks after NS
 *     flags              looks at the flags that it and its interrupts push, and restores others
 *     own                steps through its own code
 *     fault NS           has faults repaired, in a repeated instruction too, between ticks after NS
 */
#include <bulkhead/bulkhead.h>
#include <bulkhead/irq.h>
#include <bulkhead/printf.h>

#include "words.h"

enum { PLACES = 8, TICKS = 32, SIZE = 1600, TRAP_FLAG = 0x100, OWN_LINE = 40 };

static volatile uint64_t ticks, passed[PLACES];
static uint64_t tick_at[TICKS], tick_in[TICKS];

static uint64_t (*place)(void);
static uint64_t due_ns, gap_ns;

static void on_tick(uint32_t line, void *argument)
{
    (void)line, (void)argument;
    if (ticks < TICKS) {
        tick_at[ticks] = bh_now_ns() - bh_epoch_ns();
        tick_in[ticks] = place();
    }
    ticks++;
    gap_ns += 7;
    due_ns += gap_ns;
    bh_timer_one_shot(due_ns);
}

static void begin(uint64_t (*of)(void), uint64_t ns)
{
    place = of;
    bh_irq_request(BH_LINE_TIMER, on_tick, 0);
    gap_ns = ns;
    due_ns = bh_now_ns() + ns;
    bh_timer_one_shot(due_ns);
}

static void end(void)
{
    bh_timer_stop();
    for (uint64_t i = 0; i < ticks && i < TICKS; i++)
        bh_printf("tick at %lu in %lu\n", (unsigned long)tick_at[i], (unsigned long)tick_in[i]);
}

/* How many places of the loop's round the interrupted code had passed. */
static uint64_t place_in_round(void)
{
    uint64_t at = 1;
    while (at < PLACES && passed[at] == passed[0])
        at++;
    return at % PLACES;
}

static void loop_for(uint64_t count, uint64_t ns)
{
    begin(place_in_round, ns);
    while (ticks < count) {
        passed[0]++, passed[1]++, passed[2]++, passed[3]++;
        passed[4]++, passed[5]++, passed[6]++, passed[7]++;
    }
    end();
}

static void on_end(uint32_t line, void *argument)
{
    (void)line, (void)argument;
    bh_printf("ended at %lu\n", (unsigned long)(bh_now_ns() - bh_epoch_ns()));
    bh_halt(0);
}

static void loop_without_end(uint64_t ns)
{
    bh_irq_request(BH_LINE_TIMER, on_end, 0);
    bh_timer_one_shot(bh_epoch_ns() + ns);
    __asm__ volatile("1: jmp 1b");
}

static uint8_t from[SIZE], to[SIZE];

/* How many bytes have arrived. */
static uint64_t place_in_copy(void)
{
    uint64_t at = 0;
    while (at < SIZE && to[at] != 0)
        at += 100;
    return at;
}

static uint64_t copy(bool backwards, uint64_t ns)
{
    for (unsigned at = 0; at < SIZE; at++)
        from[at] = (uint8_t)(at % 128 + 1), to[at] = 0;
    uint64_t rcx = SIZE;
    begin(place_in_copy, ns);
    void *rdi = to + (backwards ? SIZE - 1 : 0);
    const void *rsi = from + (backwards ? SIZE - 1 : 0);
    if (backwards)
        __asm__ volatile("std; rep movsb; cld" : "+D"(rdi), "+S"(rsi), "+c"(rcx)::"memory");
    else
        __asm__ volatile("rep movsb" : "+D"(rdi), "+S"(rsi), "+c"(rcx)::"memory");
    bh_timer_stop();
    uint64_t wrong = rcx;
    for (unsigned at = 0; at < SIZE; at++)
        wrong += to[at] != from[at];
    return wrong;
}

static uint64_t fill(uint64_t ns)
{
    uint64_t rcx = SIZE / 8;
    void *rdi = to;
    begin(place_in_copy, ns);
    __asm__ volatile("rep stosq" : "+D"(rdi), "+c"(rcx) : "a"(0x0807060504030201ull) : "memory");
    uint64_t wrong = rcx + (rdi != to + SIZE);
    for (unsigned at = 0; at < SIZE; at++)
        wrong += to[at] != at % 8 + 1;
    return wrong;
}

static void repeat(uint64_t ns)
{
    uint64_t wrong = copy(false, ns) + copy(true, ns) + fill(ns / 4);
    end();
    bh_printf("wrong %lu\n", (unsigned long)wrong);
}

static volatile uint64_t first, second, torn;

static uint64_t masked_words(void)
{
    torn += first != second || bh_irq_level() == 0;
    return first;
}

static void mask(uint64_t ns)
{
    begin(masked_words, ns);
    while (ticks < 12) {
        uint32_t level = bh_irq_disable();
        first++;
        second++;
        bh_irq_enable(level);
    }
    end();
    bh_printf("torn %lu\n", (unsigned long)torn);
}

static uint64_t flags(void)
{
    uint64_t value;
    __asm__ volatile("lea -128(%%rsp), %%rsp; pushfq; pop %0; lea 128(%%rsp), %%rsp" : "=r"(value));
    return value;
}

static void restore(uint64_t value)
{
    __asm__ volatile("lea -128(%%rsp), %%rsp; push %0; popfq; lea 128(%%rsp), %%rsp" ::"r"(value) : "cc", "memory");
}

static volatile uint64_t framed = ~0ull;

/* A vector of its own: notes the flags in the interrupt's frame. */
__asm__(".text; vector: push %rax; mov 24(%rsp), %rax; mov %rax, framed(%rip); push %rcx; push %rdx; push %rsi; push %rdi; push %r8;"
        "push %r9; push %r10; push %r11; cld; call serve; pop %r11; pop %r10; pop %r9; pop %r8; pop %rdi; pop %rsi; pop %rdx; pop %rcx;"
        "pop %rax; iretq");
extern const uint8_t vector[];

__attribute__((used, target("general-regs-only"))) static void serve(void)
{
    while (bh_irq_next() >= 0)
        ticks++;
    bh_irq_enable(0);
}

static void look_at_flags(void)
{
    uint64_t begin = bh_now_ns(), shown = 0, later = 0;
    shown |= flags();
    restore(0x202);
    for (int i = 0; i < 5; i++)
        later |= flags();
    bh_irq_set_vector(vector);
    bh_irq_enable_line(BH_LINE_TIMER);
    bh_timer_one_shot(bh_now_ns() + 500);
    while (ticks == 0)
        ;
    uint64_t struck = framed;
    bh_irq_enable_line(OWN_LINE);
    bh_irq_raise(OWN_LINE);
    uint64_t raised = framed;
    bh_irq_set_vector(0);
    uint64_t before = bh_now_ns();
    for (volatile int i = 0; i < 100; i++)
        ;
    bh_printf("flag %u %u %u %u\n", (shown & TRAP_FLAG) != 0, (later & TRAP_FLAG) != 0, (struck & TRAP_FLAG) != 0,
              (raised & TRAP_FLAG) != 0);
    bh_printf("steps %u served %lu\n", bh_now_ns() - before > 300 && before > begin, (unsigned long)ticks);
}

static volatile uint64_t own_traps, own_shown, breakpoints, repaired;

static bool on_fault(struct bh_fault *fault)
{
    if (fault->signal == 5 && fault->code == 2) {
        own_traps++;
        own_shown += (fault->registers->rflags & TRAP_FLAG) != 0;
        return true;
    }
    if (fault->signal == 5) {
        breakpoints++;
        return true;
    }
    repaired++;
    fault->registers->rflags = 0x202;
    if (fault->registers->rcx > 1)
        fault->registers->rdi = (uint64_t)to;
    else
        fault->registers->rax = (uint64_t)to;
    return true;
}

static void step_by_itself(void)
{
    bh_fault_set_handler(on_fault);
    __asm__ volatile("lea -128(%%rsp), %%rsp; pushfq; orl $0x100, (%%rsp); popfq; nop; nop; nop; pushfq; andl $~0x100, (%%rsp); popfq;"
                     "nop; nop; int3; lea 128(%%rsp), %%rsp" ::: "cc", "memory");
    uint64_t before = bh_now_ns();
    for (volatile int i = 0; i < 100; i++)
        ;
    bh_printf("traps %lu shown %lu breakpoints %lu\n", (unsigned long)own_traps, (unsigned long)own_shown,
              (unsigned long)breakpoints);
    bh_printf("steps %u\n", bh_now_ns() - before > 300);
}

static uint64_t no_place(void)
{
    return repaired;
}

static void have_repaired(uint64_t ns)
{
    bh_fault_set_handler(on_fault);
    begin(no_place, ns);
    uint64_t value = 0;
    for (int i = 0; i < 20; i++) {
        uint64_t wild = 16, rcx = 1, rest = 100;
        void *rdi = (void *)0x1000;
        __asm__ volatile("movb $7, (%%rax)" : "+a"(wild) : "c"(rcx) : "memory");
        value += to[0];
        __asm__ volatile("rep stosb" : "+D"(rdi), "+c"(rest) : "a"(9) : "memory");
        value += to[99] + (rdi == to + 100);
    }
    end();
    bh_printf("repaired %lu value %lu\n", (unsigned long)repaired, (unsigned long)value);
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "";
    uint64_t much = argc > 2 ? number(argv[2]) : 0;
    if (is(how, "ticks"))
        loop_for(much, argc > 3 ? number(argv[3]) : 0);
    else if (is(how, "endless"))
        loop_without_end(much);
    else if (is(how, "repeat"))
        repeat(much);
    else if (is(how, "mask"))
        mask(much);
    else if (is(how, "flags"))
        look_at_flags();
    else if (is(how, "own"))
        step_by_itself();
    else if (is(how, "fault"))
        have_repaired(much);
    else
        return 2;
    return 0;
}
