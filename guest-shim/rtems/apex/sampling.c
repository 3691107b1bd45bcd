/* APEX sampling ports for RTEMS. Any task may call these services; they never wait. */
#include <apex/sampling.h>

#include "apex.h"

/* The identifier of a port is its place here and 1. Only start-up adds to it. */
static struct {
    bh_port_t port;
    const struct bh_port_info *info;
    VALIDITY_TYPE last;
} ports[MAX_NUMBER_OF_SAMPLING_PORTS];
static SAMPLING_PORT_ID_TYPE created;

static bool is_port(SAMPLING_PORT_ID_TYPE id)
{
    return id >= 1 && id <= created;
}

static SAMPLING_PORT_ID_TYPE find(bh_port_t port)
{
    for (SAMPLING_PORT_ID_TYPE id = 1; id <= created; id++)
        if (ports[id - 1].port == port)
            return id;
    return 0;
}

void CREATE_SAMPLING_PORT(const char *name, MESSAGE_SIZE_TYPE size, PORT_DIRECTION_TYPE direction, SYSTEM_TIME_TYPE refresh,
                          SAMPLING_PORT_ID_TYPE *id, RETURN_CODE_TYPE *code)
{
    const struct bh_port_info *info;
    bh_port_t port = apex_find(name, BH_SAMPLING, direction, &info);
    if (port < 0 || size < 1 || (uint32_t)size != info->message_bytes || created == MAX_NUMBER_OF_SAMPLING_PORTS ||
        (direction == DESTINATION && (refresh < 0 || (uint64_t)refresh != info->refresh_ns)))
        *code = INVALID_CONFIG;
    else if (find(port) != 0)
        *code = NO_ACTION;
    else if (apex_is_normal())
        *code = INVALID_MODE;
    else {
        ports[created].port = port;
        ports[created].info = info;
        ports[created].last = INVALID;
        *id = ++created;
        *code = NO_ERROR;
    }
}

void WRITE_SAMPLING_MESSAGE(SAMPLING_PORT_ID_TYPE id, MESSAGE_ADDR_TYPE message, MESSAGE_SIZE_TYPE length, RETURN_CODE_TYPE *code)
{
    if (!is_port(id) || length <= 0)
        *code = INVALID_PARAM;
    else if ((uint32_t)length > ports[id - 1].info->message_bytes)
        *code = INVALID_CONFIG;
    else if (ports[id - 1].info->direction != BH_SOURCE)
        *code = INVALID_MODE;
    else {
        /* Another task may write to the same port. */
        uint32_t level = bh_irq_disable();
        (void)bh_sampling_write(ports[id - 1].port, message, (size_t)length);
        bh_irq_enable(level);
        *code = NO_ERROR;
    }
}

void READ_SAMPLING_MESSAGE(SAMPLING_PORT_ID_TYPE id, MESSAGE_ADDR_TYPE message, MESSAGE_SIZE_TYPE *length, VALIDITY_TYPE *validity,
                           RETURN_CODE_TYPE *code)
{
    if (!is_port(id)) {
        *code = INVALID_PARAM;
        return;
    }
    if (ports[id - 1].info->direction != BH_DESTINATION) {
        *code = INVALID_MODE;
        return;
    }
    struct bh_message read;
    if (bh_sampling_read(ports[id - 1].port, message, ports[id - 1].info->message_bytes, &read) != BH_PORT_OK) {
        *length = 0;
        *validity = ports[id - 1].last = INVALID;
        *code = NO_ACTION;
        return;
    }
    *length = (MESSAGE_SIZE_TYPE)read.length;
    *validity = ports[id - 1].last = read.valid ? VALID : INVALID;
    *code = NO_ERROR;
}

void GET_SAMPLING_PORT_ID(const char *name, SAMPLING_PORT_ID_TYPE *id, RETURN_CODE_TYPE *code)
{
    const struct bh_port_info *info;
    bh_port_t port = apex_find(name, BH_SAMPLING, SOURCE, &info);
    if (port < 0)
        port = apex_find(name, BH_SAMPLING, DESTINATION, &info);
    SAMPLING_PORT_ID_TYPE found = port < 0 ? 0 : find(port);
    *code = found == 0 ? INVALID_CONFIG : NO_ERROR;
    if (found != 0)
        *id = found;
}

void GET_SAMPLING_PORT_STATUS(SAMPLING_PORT_ID_TYPE id, SAMPLING_PORT_STATUS_TYPE *status, RETURN_CODE_TYPE *code)
{
    if (!is_port(id)) {
        *code = INVALID_PARAM;
        return;
    }
    const struct bh_port_info *info = ports[id - 1].info;
    status->REFRESH_PERIOD = (SYSTEM_TIME_TYPE)info->refresh_ns;
    status->MAX_MESSAGE_SIZE = (MESSAGE_SIZE_TYPE)info->message_bytes;
    status->PORT_DIRECTION = info->direction == BH_SOURCE ? SOURCE : DESTINATION;
    status->LAST_MSG_VALIDITY = ports[id - 1].last;
    *code = NO_ERROR;
}
