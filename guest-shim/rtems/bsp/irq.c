/* The interrupt facility: RTEMS' vectors are the shim's lines, all 64 of them.
 *
 * Those below BH_LINE_FIRST_SOFTWARE are the host's to raise, but the guest may raise them, too. A line that RTEMS has not enabled
 * stays pending until it does.
 */
#include <bsp/irq-generic.h>
#include <rtems/score/idt.h>
#include <rtems/score/isrlevel.h>
#include <rtems/score/percpu.h>
#include <rtems/score/threadimpl.h>

#include <bulkhead/irq.h>

#include "bulkhead.h"

RTEMS_STATIC_ASSERT(BSP_INTERRUPT_VECTOR_COUNT == BH_LINE_COUNT, one_vector_for_each_line);

/* What RTEMS has enabled, a bit for each vector. */
static uint64_t enabled;

/* What to call once when the next window begins. */
static void (*at_window)(void);

bool bsp_interrupt_is_valid_vector(rtems_vector_number vector)
{
    return vector < BSP_INTERRUPT_VECTOR_COUNT;
}

void bsp_interrupt_facility_initialize(void)
{
    bh_irq_set_vector(bulkhead_interrupt_entry);
}

rtems_status_code bsp_interrupt_get_attributes(rtems_vector_number vector, rtems_interrupt_attributes *attributes)
{
    (void)vector;
    attributes->is_maskable = true;
    attributes->can_enable = true;
    attributes->maybe_enable = true;
    attributes->can_disable = true;
    attributes->maybe_disable = true;
    attributes->can_raise = true;
    attributes->can_clear = true;
    attributes->cleared_by_acknowledge = true;
    return RTEMS_SUCCESSFUL;
}

rtems_status_code bsp_interrupt_is_pending(rtems_vector_number vector, bool *pending)
{
    *pending = (bh_irq_pending() >> vector & 1) != 0;
    return RTEMS_SUCCESSFUL;
}

rtems_status_code bsp_interrupt_raise(rtems_vector_number vector)
{
    (void)bh_irq_raise(vector);
    return RTEMS_SUCCESSFUL;
}

rtems_status_code bsp_interrupt_clear(rtems_vector_number vector)
{
    (void)bh_irq_clear(vector);
    return RTEMS_SUCCESSFUL;
}

rtems_status_code bsp_interrupt_vector_is_enabled(rtems_vector_number vector, bool *is_enabled)
{
    *is_enabled = (enabled >> vector & 1) != 0;
    return RTEMS_SUCCESSFUL;
}

rtems_status_code bsp_interrupt_vector_enable(rtems_vector_number vector)
{
    uint32_t level = bh_irq_disable();
    enabled |= 1ull << vector;
    (void)bh_irq_enable_line(vector);
    bh_irq_enable(level);
    return RTEMS_SUCCESSFUL;
}

rtems_status_code bsp_interrupt_vector_disable(rtems_vector_number vector)
{
    uint32_t level = bh_irq_disable();
    enabled &= ~(1ull << vector);
    if (vector != BH_LINE_WINDOW || !at_window)
        (void)bh_irq_disable_line(vector);
    bh_irq_enable(level);
    return RTEMS_SUCCESSFUL;
}

/* Lines have no priorities: the lowest number is served first. */
rtems_status_code bsp_interrupt_set_priority(rtems_vector_number vector, uint32_t priority)
{
    (void)vector, (void)priority;
    return RTEMS_UNSATISFIED;
}

rtems_status_code bsp_interrupt_get_priority(rtems_vector_number vector, uint32_t *priority)
{
    (void)vector, (void)priority;
    return RTEMS_UNSATISFIED;
}

void bulkhead_call_at_window(void (*function)(void))
{
    uint32_t level = bh_irq_disable();
    at_window = function;
    (void)bh_irq_enable_line(BH_LINE_WINDOW);
    bh_irq_enable(level);
}

/* The line serves the BSP and RTEMS' vector. */
static void window_began(void)
{
    void (*function)(void) = at_window;
    if (!function)
        return;
    at_window = NULL;
    if (!(enabled >> BH_LINE_WINDOW & 1))
        (void)bh_irq_disable_line(BH_LINE_WINDOW);
    function();
}

/* The steps of an interrupt, called by entry.S with interrupts masked. The first runs on the interrupted stack and returns
 * the stack to change to, or 0 if this interrupt has interrupted another. Then the lines to serve are dispatched one by one,
 * by the function that RTEMS' own amd64 entry calls, too. */
uintptr_t bulkhead_interrupt_begin(void);
void bulkhead_interrupt_end(void);

uintptr_t bulkhead_interrupt_begin(void)
{
    Per_CPU_Control *cpu = _Per_CPU_Get();
    cpu->thread_dispatch_disable_level++;
    return cpu->isr_nest_level++ == 0 ? (uintptr_t)cpu->interrupt_stack_high : 0;
}

void amd64_dispatch_isr(rtems_vector_number vector)
{
    if (vector == BH_LINE_WINDOW)
        window_began();
    if (enabled >> vector & 1)
        bsp_interrupt_handler_dispatch(vector);
    /* A handler may have unmasked, so that others interrupt it. Choosing the next line is not to be interrupted. */
    (void)bh_irq_disable();
}

/* Back on the interrupted stack: if a handler has made another task ready, that one runs first. An interrupted task that is
 * about to be switched away is marked, so that interrupts meanwhile do not pile up dispatches on its stack. */
void bulkhead_interrupt_end(void)
{
    Per_CPU_Control *cpu = _Per_CPU_Get();
    cpu->isr_nest_level--;
    uint32_t disabled = --cpu->thread_dispatch_disable_level | cpu->isr_dispatch_disable;
    if (disabled != 0 || !cpu->dispatch_necessary)
        return;
    do {
        cpu->isr_dispatch_disable = 1;
        cpu->thread_dispatch_disable_level = 1;
        _Thread_Do_dispatch(cpu, 0);
        (void)bh_irq_disable();
        cpu = _Per_CPU_Get();
    } while (cpu->dispatch_necessary);
    cpu->isr_dispatch_disable = 0;
}
