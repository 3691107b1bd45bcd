/* Exercises the virtual CPU: lines, masking, idling, ticks and faults. Prints a line for each; ends with the number of
 * failures. */
#include <bulkhead/irq.h>
#include <bulkhead/printf.h>

static int failures;
static volatile int served[64];
static volatile uint32_t level_inside;

static void check(const char *what, int good)
{
    bh_printf("%s: %s\n", good ? "ok" : "FAILED", what);
    failures += !good;
}

static void count(uint32_t line, void *argument)
{
    served[line]++;
    level_inside = bh_irq_level();
    if (argument)
        ++*(volatile int *)argument;
}

static volatile uint32_t order[4];
static volatile unsigned ordered;

static void note_order(uint32_t line, void *argument)
{
    (void)argument;
    order[ordered++ & 3] = line;
}

static void raise_next(uint32_t line, void *argument)
{
    (void)argument;
    served[line]++;
    if (line < 45)
        bh_irq_raise(line + 1);
}

static volatile uint64_t repaired;

static bool repair(struct bh_fault *fault)
{
    repaired++;
    if (fault->signal == 8) {
        fault->registers->rcx = 1; /* the divisor */
        return true;
    }
    if (fault->signal == 4) {
        fault->registers->rip += 2; /* ud2 */
        return true;
    }
    if (fault->signal == 11 && fault->address == 0x1234) {
        fault->registers->rbx = (uint64_t)&order[0];
        return true;
    }
    return false;
}

int main(int argc, char **argv)
{
    (void)argv;
    volatile int argument = 0;

    check("a free line connects", bh_irq_request(32, count, (void *)&argument) == 0);
    check("a taken line does not", bh_irq_request(32, note_order, 0) == -2);
    check("line 64 does not exist", bh_irq_request(64, count, 0) == -1 && bh_irq_raise(99) == -1);
    bh_irq_raise(32);
    check("raising unmasked is served at once, masked inside", served[32] == 1 && argument == 1 && level_inside == 1);
    check("and unmasked again after it", bh_irq_level() == 0);

    uint32_t level = bh_irq_disable();
    uint32_t inner = bh_irq_disable();
    bh_irq_raise(32);
    check("masked it stays pending", served[32] == 1 && bh_irq_pending() == 1ull << 32);
    bh_irq_enable(inner);
    check("an inner enable does not unmask", served[32] == 1);
    bh_irq_enable(level);
    check("the outer one does", served[32] == 2 && bh_irq_pending() == 0);
    level = bh_irq_disable();
    bh_irq_raise(32);
    bh_irq_clear(32);
    bh_irq_enable(level);
    check("a cleared line is not served", served[32] == 2);
    level = bh_irq_disable();
    bh_irq_raise(32);
    bh_irq_flash(level);
    check("flash lets it through and masks again", served[32] == 3 && bh_irq_level() == 1);
    bh_irq_enable(level);

    bh_irq_disable_line(32);
    bh_irq_raise(32);
    check("a disabled line waits", served[32] == 3);
    bh_irq_enable_line(32);
    check("until it is enabled", served[32] == 4);
    bh_irq_detach(32);
    bh_irq_raise(32);
    check("a detached line is not served", served[32] == 4);
    bh_irq_clear(32);

    bh_irq_request(35, note_order, 0);
    bh_irq_request(33, note_order, 0);
    bh_irq_request(34, note_order, 0);
    level = bh_irq_disable();
    bh_irq_raise(35);
    bh_irq_raise(33);
    bh_irq_raise(34);
    bh_irq_raise(33);
    bh_irq_enable(level);
    check("lowest first, each once", ordered == 3 && order[0] == 33 && order[1] == 34 && order[2] == 35);
    for (uint32_t line = 40; line <= 45; line++)
        bh_irq_request(line, raise_next, 0);
    bh_irq_raise(40);
    check("a handler may raise lines", served[45] == 1);

    bh_irq_request(BH_LINE_TIMER, count, 0);
    level = bh_irq_disable();
    uint64_t begin = bh_now_ns();
    bh_timer_one_shot(begin + 1500000);
    bh_idle();
    check("idling ends with the interrupt pending", served[BH_LINE_TIMER] == 0 && (bh_irq_pending() & 1));
    bh_irq_enable(level);
    check("a one-shot fires once, not early", served[BH_LINE_TIMER] == 1 && bh_now_ns() >= begin + 1500000);

    begin = bh_now_ns();
    bh_timer_periodic(begin + 1000000, 1000000);
    while (bh_timer_ticks() < 50) {
        level = bh_irq_disable();
        bh_idle();
        bh_irq_enable(level);
    }
    /* No tick is to be served between these. */
    level = bh_irq_disable();
    uint64_t ticks = bh_timer_ticks(), missed = bh_timer_take_missed(), elapsed = bh_now_ns() - begin;
    check("served and missed ticks add up", (uint64_t)(served[BH_LINE_TIMER] - 1) + missed == ticks);
    bh_irq_enable(level);
    check("ticks follow the clock", ticks >= 50 && elapsed >= ticks * 1000000);
    bh_printf("ticks %llu missed %llu\n", (unsigned long long)ticks, (unsigned long long)missed);
    bh_timer_stop();
    int before = served[BH_LINE_TIMER];
    begin = bh_now_ns();
    while (bh_now_ns() < begin + 5000000)
        ;
    check("a stopped timer is quiet", served[BH_LINE_TIMER] == before);

    level = bh_irq_disable();
    bh_irq_request(BH_LINE_WINDOW, count, 0);
    bh_irq_clear(BH_LINE_WINDOW);
    bh_irq_enable(level);
    /* A window in which a busy host left no time to this guest interrupts together with the next. */
    uint32_t first = bh_window_count(), last = first;
    int seen = 0;
    while (last - first < 5) {
        uint32_t now = bh_window_count();
        seen += now != last;
        last = now;
    }
    check("every window start interrupts", served[BH_LINE_WINDOW] >= seen && (uint32_t)served[BH_LINE_WINDOW] <= last - first + 1);
    bh_irq_detach(BH_LINE_WINDOW);

    bh_fault_set_handler(repair);
    uint64_t quotient, remainder;
    __asm__ volatile("divq %%rcx" : "=a"(quotient), "=d"(remainder) : "a"(42ull), "d"(0ull), "c"(0ull));
    check("a division is repaired", quotient == 42 && repaired == 1);
    __asm__ volatile("ud2");
    check("an illegal instruction is stepped over", repaired == 2);
    uint32_t value;
    __asm__ volatile("movl (%%rbx), %0" : "=r"(value) : "b"(0x1234ull));
    check("a wild pointer is set right", value == order[0] && repaired == 3);

    bh_printf("failures: %d\n", failures);
    if (argc > 1)
        __asm__ volatile("movl $1, 0x10"); /* not repaired */
    return failures;
}
