/* Code that notices if an interrupt changes anything, under as many interrupts as there may be.
 *
 *     v_torture.elf          until line 31 is raised from outside
 *     v_torture.elf MS       for so many milliseconds
 *
 * The main program runs checks in turn: each loads registers, flags, stack or memory with patterns, holds them for a random
 * while, and compares. Interrupts come from outside (lines 3 to 30), from one-shots of random length that set themselves
 * again, and from raises by the main program and by the handlers. Handlers leave garbage in every vector register, and
 * some unmask so that others interrupt them. Every source is counted where it is raised and where it is served.
 *
 * Some hundred instructions an interrupt, every 20 to 60 us: on a processor of less than some 20 million instructions a second, as
 * with `--preempt step --block-ns 200`, the next interrupt is due before the last is served, and the main program never gets on. */
#include <bulkhead/irq.h>
#include <bulkhead/printf.h>
#include <cpuid.h>

#include "v_torture.h"

enum { FIRST_OUTSIDE = 3, STOP = 31, FIRST_OWN = 40, OWN = 8, MAX_DEPTH = 5 };

struct registers {
    uint64_t general[14];
    uint64_t count; /* RCX, which counts down to 0 */
    uint64_t rsp;
    uint64_t flags;
    uint16_t fcw;
    uint16_t pad;
    uint32_t mxcsr;
    uint64_t mask[8];
    uint64_t red_zone[16];
    uint8_t x87[8][16];
    uint8_t gap[48];
    uint8_t vector[32][64];
};
_Static_assert(offsetof(struct registers, count) == T_COUNT && offsetof(struct registers, rsp) == T_RSP, "layout");
_Static_assert(offsetof(struct registers, flags) == T_FLAGS && offsetof(struct registers, fcw) == T_FCW, "layout");
_Static_assert(offsetof(struct registers, mxcsr) == T_MXCSR && offsetof(struct registers, mask) == T_MASK, "layout");
_Static_assert(offsetof(struct registers, red_zone) == T_RED && offsetof(struct registers, x87) == T_X87, "layout");
_Static_assert(offsetof(struct registers, vector) == T_VECTOR, "layout");

struct registers wanted, seen;
/* 1: SSE; 2: AVX; 3: AVX-512. */
uint32_t vector_level = 1;
void torture_registers(uint64_t loops, uint64_t stack_offset);
uint64_t torture_stack(uint64_t count, uint64_t seed);
void torture_clobber(void);

/* CF, PF, AF, ZF, SF, DF and OF. */
static const uint64_t FLAGS = 0xcd5;

static volatile uint64_t served[64], raised[64];
static volatile uint64_t interrupts, nested, deepest, armed, fired, early;
static volatile int depth;
static volatile bool stopped;
static uint64_t deadline;
static int failures;

static void fail(const char *what, uint64_t want, uint64_t have)
{
    uint32_t level = bh_irq_disable();
    if (failures++ < 20)
        bh_printf("FAILED: %s: wanted %lx, have %lx\n", what, (unsigned long)want, (unsigned long)have);
    bh_irq_enable(level);
}

/* xorshift64*; one for the main program and one for the handlers, so that neither needs a mask. */
static uint64_t random_from(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * 0x2545f4914f6cdd1dull;
}
static uint64_t main_seed = 0x9e3779b97f4a7c15ull, handler_seed = 0xd1b54a32d192ed03ull;

static uint64_t random_main(void)
{
    return random_from(&main_seed);
}

static uint64_t random_handler(void)
{
    uint32_t level = bh_irq_disable();
    uint64_t value = random_from(&handler_seed);
    bh_irq_enable(level);
    return value;
}

/* A raise that counts only if the line was not raised already: then it is served exactly once. */
static void raise(uint32_t line)
{
    uint32_t level = bh_irq_disable();
    if (!(bh_irq_pending() >> line & 1)) {
        raised[line]++;
        bh_irq_raise(line);
    }
    bh_irq_enable(level);
}

static volatile uint64_t in_section, torn;

/* What handlers may rely on: an empty x87 stack, usual rounding, DF clear. */
static void check_handler_state(void)
{
    static volatile double third = 3.0, one = 1.0;
    uint64_t flags;
    __asm__ volatile("pushfq; popq %0" : "=r"(flags)::"memory");
    if (flags & 0x400)
        fail("DF in a handler", 0, flags);
    volatile long double sum = 0;
    long double a = one / third;
    __asm__ volatile("fldpi; fldpi; fldpi; fldpi; fldpi; fldpi; fldpi\n\t"
                     "faddp; faddp; faddp; faddp; faddp; faddp; fstpt %0"
                     : "=m"(sum));
    double rounded = sum;
    if (!(rounded > 21.99 && rounded < 22.0))
        fail("x87 in a handler", 22, (uint64_t)rounded);
    union { double value; uint64_t bits; } quotient = {.value = one / third};
    if (quotient.bits != 0x3fd5555555555555ull)
        fail("rounding in a handler", 0x3fd5555555555555ull, quotient.bits);
    (void)a;
}

static void body(uint32_t line)
{
    interrupts++;
    served[line]++;
    if (in_section)
        torn++;
    uint64_t dice = random_handler();
    if ((dice & 15) == 0)
        check_handler_state();
    if ((dice & 0x30) == 0)
        raise(FIRST_OWN + (dice >> 8) % OWN);
    torture_clobber();
    if ((dice & 0xc0) == 0 && depth < MAX_DEPTH) {
        depth++;
        nested++;
        if ((uint64_t)depth > deepest)
            deepest = depth;
        bh_irq_enable(0);
        for (volatile int i = 0; i < (int)(dice >> 56); i++)
            ;
        torture_clobber();
        /* Some leave the mask to the shim. */
        if (dice & 0x10000)
            bh_irq_disable();
        depth--;
    }
}

static void on_line(uint32_t line, void *argument)
{
    (void)argument;
    body(line);
}

static void on_stop(uint32_t line, void *argument)
{
    (void)line, (void)argument;
    stopped = true;
}

static void arm(void)
{
    armed++;
    deadline = bh_now_ns() + 20000 + random_handler() % 40000;
    bh_timer_one_shot(deadline);
}

static void on_timer(uint32_t line, void *argument)
{
    (void)argument;
    uint64_t now = bh_now_ns();
    fired++;
    if (now < deadline)
        early++;
    arm();
    body(line);
}

static void check_registers(void)
{
    uint8_t *bytes = (uint8_t *)&wanted;
    for (unsigned at = 0; at < sizeof wanted; at += 8)
        *(uint64_t *)(bytes + at) = random_main();
    /* Any rounding, all exceptions masked. */
    wanted.fcw = 0x037f | (wanted.fcw & 0x0c00);
    wanted.mxcsr = 0x1f80 | (wanted.mxcsr & 0xe000);
    wanted.flags = (wanted.flags & FLAGS) | 2;
    for (int i = 0; i < 8; i++) {
        /* A normal number of the x87: exponent around 1, integer bit set. */
        *(uint64_t *)wanted.x87[i] |= 1ull << 63;
        *(uint16_t *)(wanted.x87[i] + 8) = 0x3fff + (random_main() & 31);
    }
    uint64_t offset = random_main() % 200;
    torture_registers(random_main() % 2000, offset);

    for (int i = 0; i < 14; i++)
        if (seen.general[i] != wanted.general[i])
            fail("a general register", wanted.general[i], seen.general[i]);
    if (seen.count != 0)
        fail("RCX", 0, seen.count);
    if ((seen.flags & FLAGS) != (wanted.flags & FLAGS))
        fail("flags", wanted.flags & FLAGS, seen.flags & FLAGS);
    /* RBX was kept there, the others as they were stored. */
    for (int i = 0; i < 16; i++) {
        uint64_t want = i == 1 ? wanted.general[1] : i == 14 ? wanted.general[13] : i == 15 ? wanted.general[12] : wanted.general[0];
        if (seen.red_zone[i] != want && !(i == 1 && seen.red_zone[i] == wanted.general[0]))
            fail("the red zone", want, seen.red_zone[i]);
    }
    if (seen.fcw != wanted.fcw)
        fail("x87 control word", wanted.fcw, seen.fcw);
    /* The lowest bits tell of exceptions; comparing nothing here raises none. */
    if (seen.mxcsr != wanted.mxcsr)
        fail("MXCSR", wanted.mxcsr, seen.mxcsr);
    for (int i = 0; i < 8; i++)
        for (int byte = 0; byte < 10; byte++)
            if (seen.x87[i][byte] != wanted.x87[i][byte])
                fail("an x87 register", wanted.x87[i][byte], seen.x87[i][byte]);
    int count = vector_level == 3 ? 32 : 16, width = 16 << (vector_level - 1);
    for (int i = 0; i < count; i++)
        for (int byte = 0; byte < width; byte += 8) {
            uint64_t want = *(uint64_t *)&wanted.vector[i][byte], have = *(uint64_t *)&seen.vector[i][byte];
            if (want != have)
                fail("a vector register", want, have);
        }
    for (int i = 0; vector_level == 3 && i < 8; i++)
        if (seen.mask[i] != wanted.mask[i])
            fail("a mask register", wanted.mask[i], seen.mask[i]);
}

static void check_string(void)
{
    static uint8_t from[8192], to[8192 + 16];
    uint64_t size = random_main() % sizeof from;
    uint8_t first = (uint8_t)random_main();
    for (uint64_t i = 0; i < size; i++)
        from[i] = (uint8_t)(first + i * 7);
    to[size] = 0x5a;
    uint8_t *rdi = to;
    const uint8_t *rsi = from;
    uint64_t rcx = size;
    bool backwards = (random_main() & 1) && size > 0;
    if (backwards) {
        rdi += size - 1;
        rsi += size - 1;
        __asm__ volatile("std; rep movsb; cld" : "+D"(rdi), "+S"(rsi), "+c"(rcx)::"memory", "cc");
    } else {
        __asm__ volatile("rep movsb" : "+D"(rdi), "+S"(rsi), "+c"(rcx)::"memory");
    }
    if (rcx != 0 || (uint64_t)(rdi - to) != (backwards ? -1ull : size) ||
        (uint64_t)(rsi - from) != (backwards ? -1ull : size))
        fail("a string instruction's registers", 0, rcx);
    for (uint64_t i = 0; i < size; i++)
        if (to[i] != (uint8_t)(first + i * 7))
            fail("a string copy", (uint8_t)(first + i * 7), to[i]);
    if (to[size] != 0x5a)
        fail("a byte behind a string copy", 0x5a, to[size]);
}

static void check_stack(void)
{
    uint64_t changed = torture_stack(random_main() % 300, random_main());
    if (changed)
        fail("pushed words", 0, changed);
}

/* While interrupts are masked no handler runs; when they are unmasked, what was raised has been served. */
static void check_mask(void)
{
    for (int i = 0; i < 200; i++) {
        uint32_t level = bh_irq_disable();
        in_section = 1;
        uint64_t before = interrupts;
        for (volatile int spin = (int)(random_main() & 7); spin > 0; spin--)
            ;
        if (interrupts != before)
            fail("interrupts inside a masked section", before, interrupts);
        in_section = 0;
        bh_irq_enable(level);
    }
    uint32_t line = FIRST_OWN + random_main() % OWN;
    uint64_t before = served[line];
    raise(line);
    if (served[line] == before)
        fail("an interrupt at once", before + 1, served[line]);
    uint32_t level = bh_irq_disable();
    before = served[line];
    raise(line);
    if (served[line] != before)
        fail("no interrupt while masked", before, served[line]);
    bh_irq_flash(level);
    if (served[line] == before)
        fail("an interrupt in a flash", before + 1, served[line]);
    if (bh_irq_level() == 0)
        fail("masked after a flash", 1, 0);
    bh_irq_enable(level);
}

static void check_idle(void)
{
    uint32_t level = bh_irq_disable();
    bh_idle();
    uint64_t before = interrupts;
    bool ready = bh_irq_pending() != 0;
    bh_irq_enable(level);
    if (!ready || (interrupts == before && !stopped))
        fail("an interrupt after idling", before + 1, interrupts);
}

static void find_vector_level(void)
{
    unsigned a, b, c, d;
    __cpuid(1, a, b, c, d);
    if (!(c & bit_OSXSAVE))
        return;
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    __cpuid_count(7, 0, a, b, c, d);
    if ((low & 6) == 6)
        vector_level = 2;
    if ((low & 0xe6) == 0xe6 && (b & bit_AVX512F) && (b & bit_AVX512BW))
        vector_level = 3;
}

static uint64_t number(const char *text)
{
    uint64_t value = 0;
    for (; *text >= '0' && *text <= '9'; text++)
        value = value * 10 + (uint64_t)(*text - '0');
    return value;
}

int main(int argc, char **argv)
{
    static void (*const checks[])(void) = {check_registers, check_registers, check_registers, check_string,
                                           check_stack,     check_mask,      check_idle};
    find_vector_level();
    for (uint32_t line = FIRST_OUTSIDE; line < STOP; line++)
        bh_irq_request(line, on_line, 0);
    for (uint32_t line = FIRST_OWN; line < FIRST_OWN + OWN; line++)
        bh_irq_request(line, on_line, 0);
    bh_irq_request(BH_LINE_TIMER, on_timer, 0);
    uint64_t begin = bh_now_ns(), end = argc > 1 ? begin + number(argv[1]) * 1000000 : UINT64_MAX;
    arm();
    bh_irq_request(STOP, on_stop, 0);
    bh_print("ready\n");

    uint64_t rounds = 0;
    while (!stopped && failures < 20 && bh_now_ns() < end) {
        checks[random_main() % (sizeof checks / sizeof *checks)]();
        rounds++;
    }
    uint32_t level = bh_irq_disable();
    stopped = true;
    bh_timer_stop();
    bh_irq_enable(level);
    uint64_t took_us = (bh_now_ns() - begin) / 1000;

    uint64_t own_raised = 0, own_served = 0;
    for (uint32_t line = FIRST_OWN; line < FIRST_OWN + OWN; line++) {
        own_raised += raised[line];
        own_served += served[line];
        if (raised[line] != served[line])
            fail("raised by itself, and served", raised[line], served[line]);
    }
    /* The last one-shot was stopped before it fired, or fired and set no other. */
    if (armed != fired && armed != fired + 1)
        fail("one-shots fired", armed, fired);
    if (early)
        fail("early one-shots", 0, early);
    if (torn)
        fail("interrupts in masked sections", 0, torn);
    for (uint32_t line = FIRST_OUTSIDE; line < STOP; line++)
        bh_printf("line %u served %lu\n", line, (unsigned long)served[line]);
    bh_printf("rounds %lu\ninterrupts %lu\nnested %lu\ndeepest %lu\n", (unsigned long)rounds, (unsigned long)interrupts,
              (unsigned long)nested, (unsigned long)deepest);
    bh_printf("own %lu\ntimer %lu\nmicroseconds %lu\nvectors %u\n", (unsigned long)own_served, (unsigned long)fired,
              (unsigned long)took_us, vector_level);
    bh_printf("failures %d\n", failures);
    return failures != 0;
}
