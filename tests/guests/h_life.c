/* A partition's life as far as it is the partition's own: modes, errors, reports, schedules. The first argument says which
 * part; h_rust is the same in Rust, word for word, so that one test serves both.
 *
 * At every start it says how it was started, and how often before, which it counts in its RAM. */
#include <bulkhead/irq.h>
#include <bulkhead/partition.h>
#include <bulkhead/printf.h>

#include "words.h"

#define ALONE __attribute__((noinline, noclone, used))

/* The shim's own way to the four calls. */
long bh_syscall(long number, long a, long b, long c, long d, long e);

static volatile int zero;

static void facts(void)
{
    const struct bh_boot_info *boot = bh_boot_info();
    const struct bh_limits *limits = bh_partition_limits();
    bh_printf("period %llu duration %llu\n", (unsigned long long)bh_partition_period_ns(),
              (unsigned long long)bh_partition_duration_ns());
    for (uint32_t code = 0; code < BH_ERROR_CODES; code++) {
        struct bh_response response = bh_partition_health(code);
        bh_printf("code %u level %u action %u\n", code, response.level, response.action);
    }
    bh_printf("limits %u %u %u %u %u %u %u\n", limits->processes, limits->buffers, limits->blackboards,
              limits->semaphores, limits->events, limits->mutexes, limits->logbooks);
    for (uint32_t i = 0; i < boot->schedule_count; i++) {
        const struct bh_schedule *schedule = &boot->schedules[i];
        bh_printf("schedule %s period %llu duration %llu windows %u found %d\n", schedule->name,
                  (unsigned long long)schedule->period_ns, (unsigned long long)schedule->duration_ns,
                  schedule->window_count, bh_schedule_find(schedule->name));
    }
    bh_printf("may switch %u, request %d, of none %d\n", boot->may_switch_schedule, bh_schedule_request(0),
              bh_schedule_request(99));
}

#pragma GCC diagnostic ignored "-Winfinite-recursion"
ALONE static int overflow(volatile char *above)
{
    volatile char frame[256];
    frame[0] = *above;
    return overflow(frame) + frame[0];
}

ALONE static void fault(const char *how)
{
    char here = 0;
    if (is(how, "memory"))
        *(volatile int *)(uintptr_t)(0x10 + zero) = 1;
    if (is(how, "stack"))
        overflow(&here);
    if (is(how, "numeric"))
        __asm__ volatile("idivl %0" : : "r"(zero), "a"(1), "d"(0));
    if (is(how, "illegal"))
        __asm__ volatile("ud2");
    if (is(how, "call")) {
        long result;
        __asm__ volatile("syscall" : "=a"(result) : "a"(39) : "rcx", "r11", "memory");
    }
}

static void report(void)
{
    static const char words[] = "hot\x1b[31m";
    static const char endless[200] = {[0 ... 199] = 'x'};
    bh_partition_report(BH_REPORT_MODE, BH_MODE_NORMAL, 0, "", 0);
    bh_partition_report(BH_REPORT_MESSAGE, 77, 3, words, sizeof words - 1);
    bh_partition_report_error(BH_MEMORY_VIOLATION, 4, 0x1234, endless, sizeof endless);
    bh_printf("nonsense %d %d\n", bh_partition_report(9, 0, 0, "", 0), bh_partition_report_error(8, 0, 0, "", 0));
}

/* More than anybody could want to know; what is refused is counted on both sides. */
static void flood(void)
{
    unsigned taken = 0;
    for (unsigned i = 0; i < 100000; i++)
        taken += bh_partition_report(BH_REPORT_MESSAGE, i, 0, "flood", 5);
    bh_printf("taken %u of 100000\n", taken);
}

/* Everything that it can write to is nonsense, and then it goes. */
static void scribble(uint8_t with, int end)
{
    const struct bh_boot_info *boot = bh_boot_info();
    volatile uint8_t *page = (volatile uint8_t *)boot->vcpu;
    for (int i = 24; i < 4096; i++)
        page[i] = with;
    volatile uint8_t *reports = (volatile uint8_t *)boot->report_producer;
    for (int i = 0; i < 4096; i++)
        reports[i] = with;
    volatile uint8_t *slots = (volatile uint8_t *)boot->report_data;
    for (unsigned i = 0; i < boot->report_slots * 160; i++)
        slots[i] = with;
    if (end)
        bh_syscall(231, 0, 0, 0, 0, 0);
}

/* Changes the schedule as soon as the last change has come about, and looks at what it is told meanwhile. */
static int pilot(unsigned times)
{
    uint64_t frame = bh_boot_info()->major_frame_ns;
    uint32_t schedules = bh_boot_info()->schedule_count, wanted = 0, wrong = 0;
    for (;;) {
        struct bh_schedule_status now = bh_schedule_status();
        wrong += now.last_switch_ns != 0 && (now.last_switch_ns - bh_epoch_ns()) % frame != 0;
        wrong += now.last_switch_ns > bh_now_ns();
        wrong += (now.switches == 0) != (now.last_switch_ns == 0);
        if (now.current == wanted) {
            if (now.switches >= times)
                break;
            wanted = (wanted + 1) % schedules;
            wrong += bh_schedule_request(wanted) != 0;
            wrong += bh_schedule_status().next != wanted;
        }
        bh_yield();
    }
    bh_printf("wrong %u\n", wrong);
    return 0;
}

/* Says which schedules it sees, until there have been so many changes. */
static int passenger(unsigned times)
{
    uint32_t last = 0, wrong = 0;
    struct bh_schedule_status now;
    do {
        bh_yield();
        now = bh_schedule_status();
        wrong += now.switches < last;
        last = now.switches;
    } while (now.switches < times);
    bh_printf("wrong %u\n", wrong);
    return 0;
}

int main(int argc, char **argv)
{
    const struct bh_boot_info *boot = bh_boot_info();
    unsigned *kept = (unsigned *)boot->areas[0].base;
    const char *part = argc > 1 ? argv[1] : "";
    unsigned times = argc > 3 ? (unsigned)number(argv[3]) : 1;

    bh_printf("start %u condition %u mode %u kept %u\n", boot->generation, bh_partition_start_condition(),
              bh_partition_start_mode(), (*kept)++);
    if (is(part, "facts"))
        facts();
    if (is(part, "report"))
        report();
    if (is(part, "flood"))
        flood();
    if (is(part, "scribble"))
        scribble((uint8_t)number(argv[2]), times != 0);
    if (is(part, "pilot"))
        return pilot((unsigned)number(argv[2]));
    if (is(part, "passenger"))
        return passenger((unsigned)number(argv[2]));
    if (is(part, "stay"))
        for (;;)
            bh_yield();
    /* Before the last start it does what it is to do; then all is well. */
    if (boot->generation <= times) {
        static const char words[] = "went wrong\x1b[2J";
        if (is(part, "mode"))
            bh_partition_request_mode((unsigned)number(argv[2]));
        if (is(part, "raise"))
            bh_partition_raise_error((unsigned)number(argv[2]), 7, 0x1234, words, sizeof words - 1);
        if (is(part, "fault"))
            fault(argv[2]);
    }
    bh_print("all is well\n");
    return 0;
}
