/* The self-checking application of the mini kernel. Its exit status is 0 if everything was as it should be. */
#include "kernel.h"

#include <bulkhead/irq.h>
#include <bulkhead/printf.h>

enum { TICK_NS = 200000, STATE_ROUNDS = 100, PINGS = 200000, MASKS = 100000, SLEEPS = 200 };

struct pattern {
    uint64_t general[16];
    uint64_t vectors[16][4];
};

uint64_t check_state(const struct pattern *pattern, uint64_t rounds, int avx);
int check_flags(void);
void wait_for_change(const volatile uint32_t *word);
extern const uint32_t bh_xsave_mask;

/* The part of all rounds that is played: one in so many. */
static int share = 1;

static volatile uint64_t checks, failures;
static volatile int workers_end;

static void check(const char *what, int good)
{
    uint64_t flags = interrupts_mask();
    checks++;
    if (!good && failures++ < 20)
        bh_printf("FAILED: %s\n", what);
    interrupts_restore(flags);
}

static uint64_t thread_number(void)
{
    uint64_t number;
    __asm__ volatile("mov %%fs:8, %0" : "=r"(number));
    return number;
}

static uint64_t thread_address(void)
{
    uint64_t address;
    __asm__ volatile("mov %%fs:0, %0" : "=r"(address));
    return address;
}

/* The instruction clears the upper halves of both registers. */
static uint64_t model_register(uint32_t number)
{
    uint64_t low = ~0ull, high = ~0ull;
    __asm__ volatile("rdmsr" : "+a"(low), "+d"(high) : "c"(number));
    return high << 32 | low;
}

/* Two of these share a priority: the tick takes the processor from one and gives it to the other in the midst of it. */
static volatile uint64_t state_rounds[MAX_TASKS], avx_rounds;

static void worker(void)
{
    struct pattern pattern;
    uint64_t number = thread_number(), seed = number + 1;
    uint32_t control = 0x1f80 | (uint32_t)(number & 3) << 13;
    __asm__ volatile("ldmxcsr %0" : : "m"(control));
    for (;;) {
        for (unsigned word = 0; word < sizeof pattern / 8; word++)
            ((uint64_t *)&pattern)[word] = seed = seed * 6364136223846793005ull + 1442695040888963407ull;
        /* Every other time the upper halves of AVX registers are left alone, so that interrupts need not save them. */
        int avx = (bh_xsave_mask & 4) != 0 && (seed >> 63) != 0;
        uint64_t rounds = share == 1 ? STATE_ROUNDS : 3;
        uint64_t done = check_state(&pattern, rounds, avx);
        avx_rounds += avx;
        check("registers survive", done == rounds);
        uint64_t flags = interrupts_mask();
        checks += done;
        state_rounds[number] += done;
        interrupts_restore(flags);
        uint32_t now;
        __asm__ volatile("stmxcsr %0" : "=m"(now));
        check("MXCSR survives", (now & 0xffc0) == (control & 0xffc0));
        check("FS is the task's own", thread_number() == number);
        check("rdmsr knows it", model_register(0xc0000100) == thread_address());
        check("other registers read as 0", model_register(0x1b) == 0);
        while (workers_end)
            kernel_sleep(1000000);
    }
}

static struct semaphore ping;
static volatile uint64_t pinged, ponged;

void soft_interrupt(void)
{
    pinged++;
    semaphore_give(&ping);
}

static void pong(void)
{
    for (;;) {
        semaphore_take(&ping);
        ponged++;
    }
}

static void masking(void)
{
    for (int round = 0; round < MASKS / share; round++) {
        uint64_t outer = interrupts_mask();
        check("a task runs unmasked", (outer & 0x200) != 0);
        uint64_t inner = interrupts_mask();
        check("cli shows in pushf", (inner & 0x200) == 0);
        interrupts_restore(inner);
        check("an inner popf does not unmask", (flags_read() & 0x200) == 0);
        interrupts_restore(outer);
        check("the outer one does", (flags_read() & 0x200) != 0);
    }
    uint64_t flags = interrupts_mask();
    uint32_t before = kernel_ticks;
    for (uint64_t begin = bh_now_ns(); bh_now_ns() < begin + 3 * TICK_NS;)
        ;
    bh_irq_raise(SOFT_LINE);
    check("no tick while masked", kernel_ticks == before);
    uint64_t pings = pinged;
    interrupts_restore(flags);
    check("popf takes what is pending", pinged == pings + 1 && ponged == pinged);
    check("the tick as well", kernel_ticks > before);
    __asm__ volatile("cli" ::: "memory");
    pings = pinged;
    bh_irq_raise(SOFT_LINE);
    check("masked by cli", pinged == pings);
    __asm__ volatile("sti" ::: "memory");
    check("sti takes what is pending", pinged == pings + 1 && ponged == pinged);
}

static struct semaphore halt;

/* In this loop there is nothing for the compiler to count. */
static void spinner(void)
{
    semaphore_take(&halt);
    for (;;)
        ;
}

static void conductor(void)
{
    /* The workers are below this task, so they get only what its sleeping leaves them: busy loops, preempted by the tick. */
    for (int sleep = 0; sleep < (share == 1 ? SLEEPS : 5); sleep++) {
        uint32_t before = kernel_ticks;
        kernel_sleep(3);
        check("a sleep lasts", kernel_ticks - before >= 3);
    }
    check("AVX had its turn", (bh_xsave_mask & 4) == 0 || avx_rounds > 0);
    for (int task = 2; task <= 3; task++)
        check("both workers had their turn", state_rounds[task] > 0);
    bh_printf("preempted: %llu switches, %llu rounds of registers\n", (unsigned long long)kernel_switches,
              (unsigned long long)(state_rounds[2] + state_rounds[3]));

    for (int round = 0; round < PINGS / share; round++) {
        bh_irq_raise(SOFT_LINE);
        check("the interrupt switched to the task and back", pinged == ponged && ponged == (uint64_t)round + 1);
    }
    masking();
    for (int round = 0; round < MASKS / share; round++) {
        int wrong = check_flags();
        check("flags and registers survive the macros", wrong == 0);
    }
    workers_end = 1;
    uint64_t idled = idle_rounds;
    for (int sleep = 0; sleep < (share == 1 ? SLEEPS : 5); sleep++)
        kernel_sleep(1);
    check("the idle task had its turn", idle_rounds > idled);

    uint32_t before = kernel_ticks;
    wait_for_change(&kernel_ticks);
    check("ticks end loops in assembly files", kernel_ticks - before >= 3);
    semaphore_give(&halt);
    for (int sleep = 0; sleep < 20; sleep++) {
        before = kernel_ticks;
        kernel_sleep(2);
        check("ticks strike in an empty endless loop", kernel_ticks - before >= 2);
    }

    bh_printf("checks %llu failures %llu ticks %u switches %llu idle %llu avx %d\n", (unsigned long long)checks,
              (unsigned long long)failures, kernel_ticks, (unsigned long long)kernel_switches,
              (unsigned long long)idle_rounds, (bh_xsave_mask & 4) != 0);
    bh_halt(failures != 0 || checks < 500000 / (uint64_t)share);
}

/* Its argument is the share, for runs in which each instruction takes long. */
int main(int argc, char **argv)
{
    if (argc > 1) {
        share = 0;
        for (const char *digit = argv[1]; *digit >= '0' && *digit <= '9'; digit++)
            share = share * 10 + (*digit - '0');
        if (share == 0)
            return 2;
    }
    kernel_create(3, pong);
    kernel_create(2, conductor);
    kernel_create(1, worker);
    kernel_create(1, worker);
    kernel_create(1, spinner);
    kernel_start(TICK_NS);
}
