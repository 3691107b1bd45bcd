/* Start-up, reset and idling: from the shim's main to RTEMS' boot_card, and out again.
 *
 * This file becomes bulkhead-start.o, which every link takes in whole.
 */
#include <bsp.h>
#include <bsp/bootcard.h>
#include <bsp/irq-generic.h>
#include <rtems/score/cpu.h>
#include <rtems/sysinit.h>

#include <bulkhead/bulkhead.h>
#include <bulkhead/irq.h>

#include "bulkhead.h"

/* build-bsp gives the shim's `main` this name, so that an application may have a main of its own. */
int bulkhead_rtems_main(int argc, char **argv);

static char command_line[1024];

/* Joins the arguments behind the partition's name with blanks; what does not fit is left out. */
static void join_arguments(int argc, char **argv)
{
    size_t used = 0;
    for (int index = 1; index < argc; index++) {
        const char *word = argv[index];
        if (index > 1 && used + 1 < sizeof command_line)
            command_line[used++] = ' ';
        while (*word && used + 1 < sizeof command_line)
            command_line[used++] = *word++;
    }
    command_line[used] = 0;
}

int bulkhead_rtems_main(int argc, char **argv)
{
    join_arguments(argc, argv);
    boot_card(command_line);
}

void bsp_start(void)
{
    bulkhead_exceptions_initialize();
    bsp_interrupt_initialize();
}

/* Behind the initial extensions, before which RTEMS wants the list of switches to be empty; no thread runs yet. */
RTEMS_SYSINIT_ITEM(bulkhead_trace_initialize, RTEMS_SYSINIT_BSP_PRE_DRIVERS, RTEMS_SYSINIT_ORDER_MIDDLE);

void bsp_reset(rtems_fatal_source source, rtems_fatal_code code)
{
    bh_halt(source == RTEMS_FATAL_SOURCE_EXIT && code == 0 ? 0 : 1);
}

/* With these two mnemonics the idle task gives the processor away until the next interrupt. */
void *_CPU_Thread_Idle_body(uintptr_t ignored)
{
    (void)ignored;
    for (;;)
        __asm__ volatile("sti; hlt" ::: "memory");
}

/* The counter counts nanoseconds. */
uint32_t _CPU_Counter_frequency(void)
{
    return 1000000000;
}

CPU_Counter_ticks _CPU_Counter_read(void)
{
    return (CPU_Counter_ticks)bh_now_ns();
}
