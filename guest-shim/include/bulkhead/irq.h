/* Virtual interrupts, timer and faults for Bulkhead guests.
 *
 * There are 64 lines, a bit each, served lowest number first. A line is level-triggered: raised twice before it is served,
 * it is served once. Masking costs a store and a load. An interrupt is taken between two instructions of the guest, on the
 * stack that is in use, which must have room for it: 128 bytes of red zone, 160 bytes of registers and up to 2.7 KiB of
 * vector state, besides what the handler needs.
 *
 * "Any context" below means: from main, from a handler, masked or not. None of these functions makes a system call unless
 * its description says so.
 */
#ifndef BULKHEAD_IRQ_H
#define BULKHEAD_IRQ_H

#include <bulkhead/abi.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

enum bh_line {
    BH_LINE_TIMER = 0,           /* the guest's timer */
    BH_LINE_WINDOW = 1,          /* a window of the partition begins */
    BH_LINE_CONSOLE = 2,         /* there is console input */
    BH_LINE_PORT = 3,            /* a message has arrived at a port, or there is room again */
    BH_LINE_FIRST_SOFTWARE = 32, /* from here on the guest's own */
    BH_LINE_COUNT = 64
};

/* Parts of the inline functions below; not to be used otherwise. */
extern volatile uint32_t bh_masked;
extern volatile uint32_t bh_deferred;
void bh_take_interrupt(void);

/* Masks interrupts; returns the level before (0: they were unmasked). Any context; two instructions. */
static inline uint32_t bh_irq_disable(void)
{
    uint32_t level = bh_masked;
    bh_masked = 1;
    __asm__ volatile("" ::: "memory");
    return level;
}

/* Restores a level. If that unmasks interrupts and one is pending, it is taken before this returns. Any context; a store and
 * a load if none is pending. */
static inline void bh_irq_enable(uint32_t level)
{
    __asm__ volatile("" ::: "memory");
    bh_masked = level;
    __asm__ volatile("" ::: "memory");
    if (level == 0 && bh_deferred)
        bh_take_interrupt();
}

/* Lets pending interrupts through and masks again. Any context. */
static inline void bh_irq_flash(uint32_t level)
{
    bh_irq_enable(level);
    bh_irq_disable();
}

/* The current level: 0 if interrupts are unmasked. Any context. */
static inline uint32_t bh_irq_level(void)
{
    return bh_masked;
}

/* Called with interrupts masked, on the interrupted stack. */
typedef void (*bh_irq_handler)(uint32_t line, void *argument);

/* Connects a handler to a line and enables the line. Returns 0; -1: there is no such line; -2: another handler is connected.
 * Any context. */
int bh_irq_request(uint32_t line, bh_irq_handler handler, void *argument);

/* Disables a line and takes its handler off. Returns 0, or -1 if there is no such line. Any context. */
int bh_irq_detach(uint32_t line);

/* Lets a line interrupt, or keeps it from interrupting: it then stays pending. Return 0, or -1 if there is no such line. Any
 * context. */
int bh_irq_enable_line(uint32_t line);
int bh_irq_disable_line(uint32_t line);

/* Raises a line; if it is enabled and interrupts are unmasked, its handler has run when this returns. Returns 0, or -1 if
 * there is no such line. Any context. */
int bh_irq_raise(uint32_t line);

/* Takes back a raised line. Returns 0, or -1 if there is no such line. Any context. */
int bh_irq_clear(uint32_t line);

/* The raised lines, a bit each. Any context. */
uint64_t bh_irq_pending(void);

/* Sleeps until an enabled line is raised. To be called masked; returns masked. At least one system call (futex), unless a
 * line is raised already. */
void bh_idle(void);

/* Sends interrupts to the guest's own vector; see docs/porting.md. */
void bh_irq_set_vector(const void *vector);

/* For such a vector, masked: the next line to serve, which is then no longer raised; -1 if there is none. */
int bh_irq_next(void);

/* Fires once at an instant of module time, in nanoseconds; replaces what was set before. One system call (setitimer). Any
 * context. */
void bh_timer_one_shot(uint64_t deadline_ns);

/* Fires at `first_ns` and every `period_ns` (at least 1000) from there, without drift. One system call now and one a tick.
 * Any context. */
void bh_timer_periodic(uint64_t first_ns, uint64_t period_ns);

/* Stops the timer. One system call. Any context. */
void bh_timer_stop(void);

/* Ticks that came due since the timer was set, including those that were missed. Any context. */
uint64_t bh_timer_ticks(void);

/* Takes the number of periodic ticks that came due while no interrupt could tell, mostly because the partition was stopped.
 * Any context. */
uint64_t bh_timer_take_missed(void);

/* The general registers at a fault. */
struct bh_registers {
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
};

/* A fault. */
struct bh_fault {
    struct bh_registers *registers; /* what the handler changes is in force when it resumes */
    uint64_t address;               /* of the data for SIGSEGV and SIGBUS, else of the instruction */
    uint64_t trap;                  /* the processor's exception number */
    uint64_t error;                 /* the processor's error code */
    int32_t signal;                 /* SIGSEGV 11, SIGBUS 7, SIGFPE 8, SIGILL 4 or SIGTRAP 5 */
    int32_t code;                   /* si_code, see sigaction(2) */
};

/* Handles a fault: true to resume, false to let the partition end with a report. Runs on a stack of 64 KiB of its own, with
 * interrupts held back; a fault in it ends the partition. */
typedef bool (*bh_fault_handler)(struct bh_fault *fault);

/* Connects the handler for faults; null takes it off. Any context. */
void bh_fault_set_handler(bh_fault_handler handler);

#ifdef __cplusplus
}
#endif

#endif
