/* Short pieces of code for a debugger that sends one interrupt at every instruction of each.
 *
 * A piece lies between two breakpoints. At the second one the debugger says in RAX how many interrupts it sent, and in RDX
 * whether it is done with the piece. After every round the guest looks whether each interrupt was served exactly once and
 * nothing else has changed. */
#include <bulkhead/irq.h>
#include <bulkhead/printf.h>

#include "v_torture.h"

enum { OUTSIDE = 3, OWN = 33 };

struct registers {
    uint64_t general[14];
    uint64_t count, rsp, flags;
    uint16_t fcw, pad;
    uint32_t mxcsr;
    uint64_t mask[8], red_zone[16];
    uint8_t x87[8][16];
    uint8_t gap[48];
    uint8_t vector[32][64];
};
_Static_assert(offsetof(struct registers, x87) == T_X87 && offsetof(struct registers, vector) == T_VECTOR, "layout");

struct registers wanted, seen;
/* Stepping through three times as many instructions for wider registers would show nothing new: v_torture has them. */
uint32_t vector_level = 1;
void torture_registers(uint64_t loops, uint64_t stack_offset);
uint64_t torture_stack(uint64_t count, uint64_t seed);
void torture_clobber(void);

static volatile uint64_t outside, own, wanted_own, masked_inside;
static int failures;

static void fail(const char *piece, const char *what, uint64_t want, uint64_t have)
{
    if (failures++ < 20)
        bh_printf("FAILED: %s: %s: wanted %lx, have %lx\n", piece, what, (unsigned long)want, (unsigned long)have);
}

static void on_outside(uint32_t line, void *argument)
{
    (void)line, (void)argument;
    outside++;
    masked_inside += bh_irq_level() != 0;
    torture_clobber();
}

static void on_own(uint32_t line, void *argument)
{
    (void)line, (void)argument;
    own++;
}

static void registers(void)
{
    torture_registers(3, 24);
}

static uint64_t changed_words;

static void stack(void)
{
    changed_words += torture_stack(12, 0x1111);
}

static uint8_t from[40] = "the quick brown fox jumps over the dogs", to[40];

static void string(void)
{
    void *rdi = to;
    const void *rsi = from;
    uint64_t rcx = sizeof to;
    __asm__ volatile("rep movsb" : "+D"(rdi), "+S"(rsi), "+c"(rcx)::"memory");
}

static void mask(void)
{
    uint32_t level = bh_irq_disable();
    uint32_t inner = bh_irq_disable();
    bh_irq_enable(inner);
    bh_irq_enable(level);
}

static void raise(void)
{
    bh_irq_raise(OWN);
    wanted_own++;
}

static void raise_masked(void)
{
    uint32_t level = bh_irq_disable();
    bh_irq_raise(OWN);
    bh_irq_flash(level);
    bh_irq_enable(level);
    wanted_own++;
}

static void idle(void)
{
    uint32_t level = bh_irq_disable();
    bh_irq_raise(OWN);
    bh_idle();
    bh_irq_enable(level);
    wanted_own++;
}

static void lines(void)
{
    bh_irq_disable_line(OUTSIDE);
    bh_irq_enable_line(OUTSIDE);
}

static void compare(const char *name)
{
    for (int i = 0; i < 14; i++)
        if (seen.general[i] != wanted.general[i])
            fail(name, "a general register", wanted.general[i], seen.general[i]);
    if ((seen.flags & 0xcd5) != (wanted.flags & 0xcd5) || seen.count != 0)
        fail(name, "flags", wanted.flags & 0xcd5, seen.flags & 0xcd5);
    for (int i = 2; i < 13; i++)
        if (seen.red_zone[i] != wanted.general[0])
            fail(name, "the red zone", wanted.general[0], seen.red_zone[i]);
    if (seen.fcw != wanted.fcw || seen.mxcsr != wanted.mxcsr)
        fail(name, "a control word", wanted.mxcsr, seen.mxcsr);
    for (int i = 0; i < 8; i++)
        for (int byte = 0; byte < 10; byte++)
            if (seen.x87[i][byte] != wanted.x87[i][byte])
                fail(name, "an x87 register", wanted.x87[i][byte], seen.x87[i][byte]);
    for (int i = 0; i < 16; i++)
        for (int byte = 0; byte < 16; byte++)
            if (seen.vector[i][byte] != wanted.vector[i][byte])
                fail(name, "a vector register", wanted.vector[i][byte], seen.vector[i][byte]);
}

static const struct {
    const char *name;
    void (*run)(void);
} pieces[] = {
    {"registers", registers}, {"stack", stack},       {"string", string}, {"mask", mask},
    {"raise", raise},         {"raise masked", raise_masked}, {"idle", idle},     {"lines", lines},
};

int main(void)
{
    bh_irq_request(OUTSIDE, on_outside, 0);
    bh_irq_request(OWN, on_own, 0);
    for (unsigned at = 0; at < sizeof wanted; at += 8)
        *(uint64_t *)((uint8_t *)&wanted + at) = at * 0x0101010101010101ull;
    wanted.fcw = 0x077f;
    wanted.mxcsr = 0x3f80;
    wanted.flags = 0x8c7; /* CF, PF, ZF, SF and OF */
    for (int i = 0; i < 8; i++) {
        *(uint64_t *)wanted.x87[i] |= 1ull << 63;
        *(uint16_t *)(wanted.x87[i] + 8) = 0x3fff;
    }

    for (unsigned piece = 0; piece < sizeof pieces / sizeof *pieces; piece++) {
        const char *name = pieces[piece].name;
        uint64_t struck, done = 0, expected = outside;
        while (!done) {
            for (unsigned at = 0; at < sizeof to; at++)
                to[at] = 0;
            __asm__ volatile("int3" ::: "memory");
            pieces[piece].run();
            __asm__ volatile("int3" : "=a"(struck), "=d"(done) : "a"(0), "d"(0) : "memory");
            expected += struck;
            if (outside != expected)
                fail(name, "interrupts served", expected, outside);
            if (own != wanted_own)
                fail(name, "own interrupts served", wanted_own, own);
            if (bh_irq_level() != 0 || bh_irq_pending() != 0)
                fail(name, "unmasked, nothing pending", 0, bh_irq_level());
            for (unsigned at = 0; at < sizeof to && pieces[piece].run == string; at++)
                if (to[at] != from[at])
                    fail(name, "a byte", from[at], to[at]);
            if (pieces[piece].run == registers)
                compare(name);
            outside = expected;
            own = wanted_own;
        }
    }
    if (masked_inside != outside)
        fail("all", "handlers were masked", outside, masked_inside);
    if (changed_words)
        fail("stack", "changed words", 0, changed_words);
    bh_printf("interrupts %lu\nfailures %d\n", (unsigned long)outside, failures);
    return failures != 0;
}
