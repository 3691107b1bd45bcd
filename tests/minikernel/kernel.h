/* A small preemptive kernel: tasks with fixed priorities, a tick, counting semaphores.
 *
 * It is written for a bare processor: cli, sti, pushf, popf, iretq, hlt, wrmsr and rdmsr. That it runs as a guest is the work of the
 * header that it is compiled through, and of the lines in kernel_start that set up vector and timer.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <stdint.h>

enum { MAX_TASKS = 8, STACK_SIZE = 65536, SOFT_LINE = 40 };

struct task {
    uint64_t sp;      /* entry.S knows these two */
    uint64_t fs_base;
    uint64_t thread[2]; /* what FS points at: itself, and the task's number */
    int priority;       /* higher runs first */
    int ready;
    uint32_t wake_at; /* a tick, if sleeping */
    int sleeping;
    struct semaphore *waits_for;
    uint64_t turn; /* among equals, the one whose turn is longest ago runs */
};

struct semaphore {
    int count;
};

extern struct task *running;
extern volatile uint32_t kernel_ticks;
extern volatile uint64_t kernel_switches;
extern volatile uint64_t idle_rounds;

void kernel_create(int priority, void (*body)(void));
__attribute__((noreturn)) void kernel_start(uint64_t tick_ns);

void kernel_sleep(uint32_t ticks);
void semaphore_take(struct semaphore *semaphore);
void semaphore_give(struct semaphore *semaphore); /* also from an interrupt */

/* Called by the kernel for an interrupt on SOFT_LINE. */
void soft_interrupt(void);

static inline uint64_t flags_read(void)
{
    uint64_t flags;
    __asm__ volatile("pushf; popq %0" : "=rm"(flags) : : "memory");
    return flags;
}

static inline uint64_t interrupts_mask(void)
{
    uint64_t flags = flags_read();
    __asm__ volatile("cli" ::: "memory");
    return flags;
}

static inline void interrupts_restore(uint64_t flags)
{
    __asm__ volatile("pushq %0; popf" : : "r"(flags) : "memory");
}

#endif
