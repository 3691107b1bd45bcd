/* What the parts of the virtual BSP know of each other. */
#ifndef BULKHEAD_RTEMS_BSP_H
#define BULKHEAD_RTEMS_BSP_H

#include <stdint.h>

/* In entry.S: where the shim sends interrupts. */
extern const char bulkhead_interrupt_entry[];

/* Has a function called once, as by an interrupt, when the partition's next window begins; replaces what was asked for before. */
void bulkhead_call_at_window(void (*function)(void));

/* Tells recordings which task runs, if the run is recorded. */
void bulkhead_trace_initialize(void);

/* Makes the processor's exceptions fatal errors of RTEMS. */
void bulkhead_exceptions_initialize(void);

#endif
