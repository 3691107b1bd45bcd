/* The size of RTEMS' interrupt table on Bulkhead: one vector for each line of the virtual CPU.
 *
 * This header takes the place of the one that RTEMS has for amd64 boards, which ends the table at vector 34. RTEMS' own
 * interrupt manager has to be compiled with it: the option -I in ABI_FLAGS sees to that, because ABI_FLAGS stand in front of
 * all other include folders. build-bsp refuses an RTEMS that was compiled without.
 */
#ifndef BULKHEAD_RTEMS_BSP_IRQ_H
#define BULKHEAD_RTEMS_BSP_IRQ_H

#ifndef ASM

#include <rtems.h>
#include <rtems/irq-extension.h>
#include <rtems/irq.h>

/* Vectors 0 to 31 are the host's lines, 32 to 63 the guest's own to raise. */
#define BSP_INTERRUPT_VECTOR_COUNT 64

/* RTEMS' amd64 sources know the number of vectors by this name. They also define which vectors are valid in a function of
 * their own, and so does Bulkhead's irq.c, which takes their place. */
#define BSP_IRQ_VECTOR_NUMBER BSP_INTERRUPT_VECTOR_COUNT
#define BSP_INTERRUPT_CUSTOM_VALID_VECTOR

#endif

#endif
