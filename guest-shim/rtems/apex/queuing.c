/* APEX queuing ports for RTEMS: a task that waits for a message or for room blocks as at a semaphore, and other tasks run on.
 *
 * Each port has a classic counting semaphore, so an application that creates queuing ports configures as many more
 * (CONFIGURE_MAXIMUM_SEMAPHORES). A unit of it is a *grant*: a message, or room for one, that belongs to one of the tasks
 * that wait. The interrupt of the ports hands grants out, in the order of the port's discipline, and what is granted is
 * nobody else's: so a task that comes later does not overtake, and who has a grant finds what it stands for.
 */
#include <apex/queuing.h>
#include <rtems/irq-extension.h>

#include "apex.h"

/* The identifier of a port is its place here and 1. Only start-up adds to it. All else changes with interrupts masked. */
static struct queue {
    bh_port_t port;
    const struct bh_port_info *info;
    rtems_id semaphore;
    /* Tasks that wait, those with a grant included. */
    uint32_t waiting;
    /* Grants that have not been made use of. */
    uint32_t granted;
    /* Messages were lost, and nobody has been told. */
    bool overflow;
} ports[MAX_NUMBER_OF_QUEUING_PORTS];
static QUEUING_PORT_ID_TYPE created;

static struct queue *queue_of(QUEUING_PORT_ID_TYPE id)
{
    return id >= 1 && id <= created ? &ports[id - 1] : NULL;
}

static QUEUING_PORT_ID_TYPE find(bh_port_t port)
{
    for (QUEUING_PORT_ID_TYPE id = 1; id <= created; id++)
        if (ports[id - 1].port == port)
            return id;
    return 0;
}

/* Messages at a destination, or room at a source, that nobody has been granted. */
static int64_t at_hand(const struct queue *queue)
{
    int64_t all = queue->info->direction == BH_SOURCE ? bh_queuing_room(queue->port) : bh_queuing_count(queue->port);
    return all - queue->granted;
}

/* Something has arrived at some port, or has been taken from one. */
static void on_news(void *argument)
{
    (void)argument;
    for (struct queue *queue = ports; queue < ports + created; queue++)
        for (; queue->waiting > queue->granted && at_hand(queue) > 0; queue->granted++)
            (void)rtems_semaphore_release(queue->semaphore);
}

void CREATE_QUEUING_PORT(const char *name, MESSAGE_SIZE_TYPE size, MESSAGE_RANGE_TYPE depth, PORT_DIRECTION_TYPE direction,
                         QUEUING_DISCIPLINE_TYPE discipline, QUEUING_PORT_ID_TYPE *id, RETURN_CODE_TYPE *code)
{
    const struct bh_port_info *info;
    bh_port_t port = apex_find(name, BH_QUEUING, direction, &info);
    if (port < 0 || size < 1 || (uint32_t)size != info->message_bytes || depth < 1 || (uint32_t)depth != info->depth ||
        created == MAX_NUMBER_OF_QUEUING_PORTS) {
        *code = INVALID_CONFIG;
        return;
    }
    if (find(port) != 0) {
        *code = NO_ACTION;
        return;
    }
    if (discipline != FIFO && discipline != PRIORITY) {
        *code = INVALID_PARAM;
        return;
    }
    if (apex_is_normal()) {
        *code = INVALID_MODE;
        return;
    }
    struct queue *queue = &ports[created];
    rtems_attribute order = discipline == FIFO ? RTEMS_FIFO : RTEMS_PRIORITY;
    if (rtems_semaphore_create(rtems_build_name('A', 'P', 'E', 'X'), 0, RTEMS_COUNTING_SEMAPHORE | order, 0,
                               &queue->semaphore) != RTEMS_SUCCESSFUL) {
        /* The application's configuration has too few. */
        *code = INVALID_CONFIG;
        return;
    }
    queue->port = port;
    queue->info = info;
    if (created == 0)
        (void)rtems_interrupt_handler_install(BH_LINE_PORT, "APEX ports", RTEMS_INTERRUPT_SHARED, on_news, NULL);
    *id = ++created;
    *code = NO_ERROR;
}

/* Waits until the task has a grant. Called with interrupts masked, and returns with them masked. */
static bool wait_for_grant(struct queue *queue, SYSTEM_TIME_TYPE time_out, uint32_t level)
{
    queue->waiting++;
    bh_irq_enable(level);
    rtems_interval ticks = time_out < 0 ? RTEMS_NO_TIMEOUT : apex_ticks(time_out);
    rtems_status_code status = rtems_semaphore_obtain(queue->semaphore, RTEMS_WAIT, ticks);
    (void)bh_irq_disable();
    /* As many grants as tasks that wait: one of them is this task's, and came between the end of the wait and here. */
    while (status != RTEMS_SUCCESSFUL && queue->granted == queue->waiting) {
        bh_irq_enable(level);
        status = rtems_semaphore_obtain(queue->semaphore, RTEMS_NO_WAIT, 0);
        (void)bh_irq_disable();
    }
    queue->waiting--;
    if (status != RTEMS_SUCCESSFUL)
        return false;
    queue->granted--;
    return true;
}

/* Gets hold of a message or of room; returns with interrupts masked if that succeeds. */
static RETURN_CODE_TYPE acquire(struct queue *queue, SYSTEM_TIME_TYPE time_out, uint32_t *level)
{
    *level = bh_irq_disable();
    /* Behind those that wait already, even if it could be had. */
    if (queue->waiting == queue->granted && at_hand(queue) > 0)
        return NO_ERROR;
    RETURN_CODE_TYPE code = NO_ERROR;
    if (time_out == 0)
        code = NOT_AVAILABLE;
    else if (rtems_interrupt_is_in_progress() || *level != 0)
        code = INVALID_MODE;
    else if (!wait_for_grant(queue, time_out, *level))
        code = TIMED_OUT;
    if (code != NO_ERROR)
        bh_irq_enable(*level);
    return code;
}

void SEND_QUEUING_MESSAGE(QUEUING_PORT_ID_TYPE id, MESSAGE_ADDR_TYPE message, MESSAGE_SIZE_TYPE length, SYSTEM_TIME_TYPE time_out,
                          RETURN_CODE_TYPE *code)
{
    struct queue *queue = queue_of(id);
    if (queue == NULL || length <= 0) {
        *code = INVALID_PARAM;
        return;
    }
    if ((uint32_t)length > queue->info->message_bytes) {
        *code = INVALID_CONFIG;
        return;
    }
    if (queue->info->direction != BH_SOURCE) {
        *code = INVALID_MODE;
        return;
    }
    uint32_t level;
    *code = acquire(queue, time_out, &level);
    if (*code != NO_ERROR)
        return;
    if (bh_queuing_send(queue->port, message, (size_t)length) != BH_PORT_OK)
        *code = NOT_AVAILABLE;
    bh_irq_enable(level);
}

void RECEIVE_QUEUING_MESSAGE(QUEUING_PORT_ID_TYPE id, SYSTEM_TIME_TYPE time_out, MESSAGE_ADDR_TYPE message,
                             MESSAGE_SIZE_TYPE *length, RETURN_CODE_TYPE *code)
{
    struct queue *queue = queue_of(id);
    if (queue == NULL) {
        *code = INVALID_PARAM;
        return;
    }
    *length = 0;
    if (queue->info->direction != BH_DESTINATION) {
        *code = INVALID_MODE;
        return;
    }
    uint32_t level;
    *code = acquire(queue, time_out, &level);
    if (*code != NO_ERROR)
        return;
    struct bh_message received;
    int status = bh_queuing_receive(queue->port, message, queue->info->message_bytes, &received);
    if (bh_queuing_take_overflow(queue->port) == 1)
        queue->overflow = true;
    if (status == BH_PORT_OK) {
        *length = (MESSAGE_SIZE_TYPE)received.length;
        *code = queue->overflow ? INVALID_CONFIG : NO_ERROR;
        queue->overflow = false;
    } else {
        /* What the source left made no sense. */
        *code = NOT_AVAILABLE;
    }
    bh_irq_enable(level);
}

void GET_QUEUING_PORT_ID(const char *name, QUEUING_PORT_ID_TYPE *id, RETURN_CODE_TYPE *code)
{
    const struct bh_port_info *info;
    bh_port_t port = apex_find(name, BH_QUEUING, SOURCE, &info);
    if (port < 0)
        port = apex_find(name, BH_QUEUING, DESTINATION, &info);
    QUEUING_PORT_ID_TYPE found = port < 0 ? 0 : find(port);
    *code = found == 0 ? INVALID_CONFIG : NO_ERROR;
    if (found != 0)
        *id = found;
}

void GET_QUEUING_PORT_STATUS(QUEUING_PORT_ID_TYPE id, QUEUING_PORT_STATUS_TYPE *status, RETURN_CODE_TYPE *code)
{
    struct queue *queue = queue_of(id);
    if (queue == NULL) {
        *code = INVALID_PARAM;
        return;
    }
    uint32_t level = bh_irq_disable();
    status->NB_MESSAGE = (MESSAGE_RANGE_TYPE)bh_queuing_count(queue->port);
    status->WAITING_PROCESSES = (WAITING_RANGE_TYPE)(queue->waiting - queue->granted);
    bh_irq_enable(level);
    status->MAX_NB_MESSAGE = (MESSAGE_RANGE_TYPE)queue->info->depth;
    status->MAX_MESSAGE_SIZE = (MESSAGE_SIZE_TYPE)queue->info->message_bytes;
    status->PORT_DIRECTION = queue->info->direction == BH_SOURCE ? SOURCE : DESTINATION;
    *code = NO_ERROR;
}

void CLEAR_QUEUING_PORT(QUEUING_PORT_ID_TYPE id, RETURN_CODE_TYPE *code)
{
    struct queue *queue = queue_of(id);
    if (queue == NULL) {
        *code = INVALID_PARAM;
        return;
    }
    if (queue->info->direction != BH_DESTINATION) {
        *code = INVALID_MODE;
        return;
    }
    uint32_t level = bh_irq_disable();
    /* As many as have been granted belong to tasks that are on their way to them. */
    APEX_BYTE nothing;
    for (int64_t rest = at_hand(queue); rest > 0; rest--)
        (void)bh_queuing_receive(queue->port, &nothing, 0, NULL);
    queue->overflow = false;
    bh_irq_enable(level);
    *code = NO_ERROR;
}
