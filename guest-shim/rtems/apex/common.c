#include "apex.h"

#include <rtems/score/timespec.h>

rtems_interval apex_ticks(SYSTEM_TIME_TYPE time)
{
    uint64_t ns_per_tick = rtems_configuration_get_nanoseconds_per_tick();
    /* One more, because the tick that is under way counts as a whole one. */
    uint64_t ticks = ((uint64_t)time + ns_per_tick - 1) / ns_per_tick + 1;
    return ticks > UINT32_MAX ? UINT32_MAX : (rtems_interval)ticks;
}

bh_port_t apex_find(const char *name, uint32_t kind, PORT_DIRECTION_TYPE direction, const struct bh_port_info **info)
{
    char text[MAX_NAME_LENGTH + 1];
    memcpy(text, name, strnlen(name, MAX_NAME_LENGTH));
    text[strnlen(name, MAX_NAME_LENGTH)] = 0;
    bh_port_t port = bh_port_find(text);
    *info = port < 0 ? NULL : bh_port_get(port);
    uint32_t wanted = direction == SOURCE ? BH_SOURCE : BH_DESTINATION;
    if (*info == NULL || (*info)->kind != kind || (*info)->direction != wanted)
        return BH_PORT_NONE;
    return port;
}
