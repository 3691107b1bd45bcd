/* What the parts of the APEX services for RTEMS share. */
#ifndef BULKHEAD_RTEMS_APEX_H
#define BULKHEAD_RTEMS_APEX_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <rtems.h>

#include <apex/types.h>
#include <bulkhead/irq.h>
#include <bulkhead/port.h>

/* Whether the partition has reached NORMAL by SET_PARTITION_MODE. Before that ports may be created. */
bool apex_is_normal(void);

/* Ticks that take at least `time` nanoseconds, which is positive; at most the longest wait but for ever. */
rtems_interval apex_ticks(SYSTEM_TIME_TYPE time);

/* The port of that name if it is of this kind and direction, else negative. `info` gets what the configuration says. */
bh_port_t apex_find(const char *name, uint32_t kind, PORT_DIRECTION_TYPE direction, const struct bh_port_info **info);

#endif
