#include "kernel.h"

#include <bulkhead/bulkhead.h>
#include <bulkhead/irq.h>

static struct task tasks[MAX_TASKS];
static unsigned char stacks[MAX_TASKS][STACK_SIZE] __attribute__((aligned(64)));
static int task_count;
static uint64_t turns;

struct task *running;
volatile uint32_t kernel_ticks;
volatile uint64_t kernel_switches;
volatile uint64_t idle_rounds;

void context_switch(struct task *from, struct task *to);
void context_load(struct task *to) __attribute__((noreturn));
extern const char task_entry[], bulkhead_interrupt_entry[];

void kernel_create(int priority, void (*body)(void))
{
    struct task *task = &tasks[task_count];
    uint64_t *sp = (uint64_t *)(stacks[task_count] + STACK_SIZE);
    uint64_t top = (uint64_t)sp - 8; /* as behind a call */
    uint16_t cs, ss;
    __asm__("mov %%cs, %0; mov %%ss, %1" : "=r"(cs), "=r"(ss));
    sp -= 2;
    /* A frame for iretq, which is how a task begins. */
    *--sp = ss;
    *--sp = top;
    *--sp = 0x202;
    *--sp = cs;
    *--sp = (uint64_t)body;
    *--sp = (uint64_t)task_entry;
    *--sp = 0x2; /* masked until then */
    for (int saved = 0; saved < 6; saved++)
        *--sp = 0;
    *--sp = 0x1f80 | 0x37full << 32; /* MXCSR and the x87 control word */
    task->sp = (uint64_t)sp;
    task->thread[0] = (uint64_t)task->thread;
    task->thread[1] = (uint64_t)task_count++;
    task->fs_base = (uint64_t)task->thread;
    task->priority = priority;
    task->ready = 1;
}

static struct task *best(void)
{
    struct task *found = 0;
    for (struct task *task = tasks; task < tasks + task_count; task++)
        if (task->ready && (!found || task->priority > found->priority
                            || (task->priority == found->priority && task->turn < found->turn)))
            found = task;
    return found;
}

/* Gives the processor to whom it belongs. Masked; from tasks, and from interrupts on the interrupted task's stack. */
static void dispatch(void)
{
    struct task *from = running, *to = best();
    if (to == from)
        return;
    kernel_switches++;
    to->turn = ++turns;
    running = to;
    context_switch(from, to);
}

void semaphore_take(struct semaphore *semaphore)
{
    uint64_t flags = interrupts_mask();
    while (semaphore->count == 0) {
        running->waits_for = semaphore;
        running->ready = 0;
        dispatch();
    }
    semaphore->count--;
    interrupts_restore(flags);
}

static volatile int in_interrupt;

void semaphore_give(struct semaphore *semaphore)
{
    uint64_t flags = interrupts_mask();
    semaphore->count++;
    for (struct task *task = tasks; task < tasks + task_count; task++)
        if (!task->ready && task->waits_for == semaphore) {
            task->waits_for = 0;
            task->ready = 1;
        }
    if (!in_interrupt)
        dispatch();
    interrupts_restore(flags);
}

void kernel_sleep(uint32_t ticks)
{
    uint64_t flags = interrupts_mask();
    running->wake_at = kernel_ticks + ticks;
    running->sleeping = 1;
    running->ready = 0;
    dispatch();
    interrupts_restore(flags);
}

static void tick(void)
{
    kernel_ticks += 1 + (uint32_t)bh_timer_take_missed();
    for (struct task *task = tasks; task < tasks + task_count; task++)
        if (task->sleeping && (int32_t)(kernel_ticks - task->wake_at) >= 0) {
            task->sleeping = 0;
            task->ready = 1;
        }
    running->turn = ++turns;
}

/* The steps of an interrupt, masked: on the interrupted stack; for each line on the stack that the first step returns, under the
 * name that RTEMS has for it; and back again. */
uintptr_t bulkhead_interrupt_begin(void);
void amd64_dispatch_isr(uint64_t line);
void bulkhead_interrupt_end(void);

uintptr_t bulkhead_interrupt_begin(void)
{
    static unsigned char interrupt_stack[STACK_SIZE] __attribute__((aligned(64)));
    in_interrupt = 1;
    return (uintptr_t)interrupt_stack + sizeof interrupt_stack;
}

void amd64_dispatch_isr(uint64_t line)
{
    if (line == BH_LINE_TIMER)
        tick();
    else if (line == SOFT_LINE)
        soft_interrupt();
}

void bulkhead_interrupt_end(void)
{
    in_interrupt = 0;
    dispatch();
}

static void idle(void)
{
    for (;;) {
        idle_rounds++;
        __asm__ volatile("sti; hlt" ::: "memory");
    }
}

void kernel_start(uint64_t tick_ns)
{
    __asm__ volatile("cli" ::: "memory");
    kernel_create(-1, idle);
    bh_irq_set_vector(bulkhead_interrupt_entry);
    bh_irq_enable_line(BH_LINE_TIMER);
    bh_irq_enable_line(SOFT_LINE);
    bh_timer_periodic(bh_now_ns() + tick_ns, tick_ns);
    running = best();
    context_load(running);
}
