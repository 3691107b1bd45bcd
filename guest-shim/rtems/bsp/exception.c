/* The processor's exceptions become fatal errors of RTEMS, with the registers as its exception frame.
 *
 * The shim calls the handler on the stack that signals are handled on, where RTEMS cannot run. So the handler takes the
 * registers down and lets the guest resume in code that reports them, on a stack of its own: the task's may be the trouble.
 */
#include <inttypes.h>

#include <rtems/bspIo.h>
#include <rtems/fatal.h>
#include <rtems/score/cpu.h>
#include <rtems/score/interr.h>

#include <bulkhead/irq.h>

#include "bulkhead.h"

/* The processor's number for a page fault. */
#define PAGE_FAULT 14

static CPU_Exception_frame frame;
static uint64_t address;
static unsigned char stack[16384] __attribute__((aligned(16)));

static void terminate(void)
{
    /* RTEMS' frame has no room for it. */
    if (frame.vector == PAGE_FAULT)
        printk("page fault at address 0x%016" PRIx64 "\n", address);
    _Terminate(RTEMS_FATAL_SOURCE_EXCEPTION, (rtems_fatal_code)&frame);
}

static bool exception(struct bh_fault *fault)
{
    struct bh_registers *registers = fault->registers;
    uint16_t cs, ss;
    /* An exception while another is being reported: the supervisor's health monitor takes it from here. */
    if (registers->rsp - (uint64_t)stack < sizeof stack)
        return false;
    __asm__("mov %%cs, %0; mov %%ss, %1" : "=r"(cs), "=r"(ss));
    frame = (CPU_Exception_frame){
        .rax = registers->rax, .rbx = registers->rbx, .rcx = registers->rcx, .rdx = registers->rdx,
        .rsi = registers->rsi, .rdi = registers->rdi, .rbp = registers->rbp, .r8 = registers->r8,
        .r9 = registers->r9, .r10 = registers->r10, .r11 = registers->r11, .r12 = registers->r12,
        .r13 = registers->r13, .r14 = registers->r14, .r15 = registers->r15, .vector = fault->trap,
        .error_code = fault->error, .rip = registers->rip, .cs = cs, .rflags = registers->rflags,
        .rsp = registers->rsp, .ss = ss,
    };
    address = fault->address;
    if (bh_irq_disable() != 0)
        frame.rflags &= ~0x200ull;
    registers->rip = (uint64_t)terminate;
    registers->rsp = (uint64_t)stack + sizeof stack - 8; /* as behind a call */
    registers->rflags &= ~0x400ull;
    return true;
}

void bulkhead_exceptions_initialize(void)
{
    bh_fault_set_handler(exception);
}
