/* An RTEMS application that exchanges numbered messages with another partition, both ways at once: one task sends, one
 * receives, and each blocks at its port while the other runs. docs/rtems.md tells how to build it, and exchange.toml is its module.
 *
 * The first argument is the number of messages each way. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <rtems.h>

#include <apex/partition.h>
#include <apex/queuing.h>
#include <apex/time.h>
#include <bsp.h>
#include <bulkhead/bulkhead.h>
#include <bulkhead/irq.h>
#include <bulkhead/port.h>
#include <rtems/irq-extension.h>

#include "numbered.h"

static QUEUING_PORT_ID_TYPE out, in;
static uint64_t count = 1000000;
static rtems_id init_task;
static volatile uint32_t arrivals;

/* The APEX services have a handler of their own at this line, and share it. */
static void count_arrival(void *unused)
{
    (void)unused;
    arrivals++;
}

static void fail(const char *what, uint64_t number, int code)
{
    printf("FAILED: %s, message %" PRIu64 ", code %d\n", what, number, code);
    exit(1);
}

static rtems_task send_all(rtems_task_argument unused)
{
    (void)unused;
    for (uint64_t number = 1; number <= count; number++) {
        struct numbered message = numbered(number, TO_PARTNER);
        RETURN_CODE_TYPE code;
        SEND_QUEUING_MESSAGE(out, (MESSAGE_ADDR_TYPE)&message, sizeof message, INFINITE_TIME_VALUE, &code);
        if (code != NO_ERROR)
            fail("sending", number, code);
    }
    (void)rtems_event_send(init_task, RTEMS_EVENT_0);
    rtems_task_exit();
}

static rtems_task receive_all(rtems_task_argument unused)
{
    (void)unused;
    for (uint64_t number = 1; number <= count; number++) {
        struct numbered message;
        MESSAGE_SIZE_TYPE length;
        RETURN_CODE_TYPE code;
        RECEIVE_QUEUING_MESSAGE(in, INFINITE_TIME_VALUE, (MESSAGE_ADDR_TYPE)&message, &length, &code);
        if (code != NO_ERROR)
            fail("receiving", number, code);
        if (length != sizeof message || !is_numbered(&message, number, TO_RTEMS))
            fail("lost, changed or out of order", number, (int)message.number);
    }
    (void)rtems_event_send(init_task, RTEMS_EVENT_1);
    rtems_task_exit();
}

static void start(rtems_task_entry entry, char name)
{
    rtems_id id;
    rtems_status_code status = rtems_task_create(rtems_build_name('T', 'A', 'S', name), 10, 32 * 1024, RTEMS_TIMESLICE,
                                                 RTEMS_DEFAULT_ATTRIBUTES, &id);
    if (status != RTEMS_SUCCESSFUL || rtems_task_start(id, entry, 0) != RTEMS_SUCCESSFUL)
        fail("starting a task", 0, status);
}

static rtems_task Init(rtems_task_argument unused)
{
    (void)unused;
    const struct bh_boot_info *boot = bh_boot_info();
    if (boot->argc > 1)
        count = strtoull(boot->argv[1], NULL, 10);

    RETURN_CODE_TYPE code;
    CREATE_QUEUING_PORT("out", sizeof(struct numbered), DEPTH, SOURCE, FIFO, &out, &code);
    if (code != NO_ERROR)
        fail("creating the port \"out\"", 0, code);
    CREATE_QUEUING_PORT("in", sizeof(struct numbered), DEPTH, DESTINATION, FIFO, &in, &code);
    if (code != NO_ERROR)
        fail("creating the port \"in\"", 0, code);
    SET_PARTITION_MODE(NORMAL, &code);

    (void)rtems_interrupt_handler_install(BH_LINE_PORT, "arrivals", RTEMS_INTERRUPT_SHARED, count_arrival, NULL);
    SYSTEM_TIME_TYPE began, now;
    GET_TIME(&began, &code);
    init_task = rtems_task_self();
    start(send_all, '1');
    start(receive_all, '2');
    rtems_event_set done;
    (void)rtems_event_receive(RTEMS_EVENT_0 | RTEMS_EVENT_1, RTEMS_EVENT_ALL | RTEMS_WAIT, RTEMS_NO_TIMEOUT, &done);

    QUEUING_PORT_STATUS_TYPE sent, received;
    do {
        TIMED_WAIT(1000000, &code);
        GET_QUEUING_PORT_STATUS(out, &sent, &code);
    } while (sent.NB_MESSAGE > 0);
    GET_QUEUING_PORT_STATUS(in, &received, &code);
    int64_t room = bh_queuing_room(bh_port_find("out"));
    if (received.NB_MESSAGE != 0 || room != DEPTH)
        fail("something is left", (uint64_t)received.NB_MESSAGE, (int)room);
    GET_TIME(&now, &code);
    printf("%" PRIu64 " messages sent and %" PRIu64 " received in order, none left, room for %" PRId64 "; %" PRId64
           " ms, %" PRIu32 " windows, %" PRIu32 " interrupts of ports\n", count, count, room, (int64_t)(now - began) / 1000000,
           bh_window_count(), arrivals);
    exit(0);
}

#define CONFIGURE_APPLICATION_NEEDS_CLOCK_DRIVER
#define CONFIGURE_APPLICATION_NEEDS_CONSOLE_DRIVER
#define CONFIGURE_MICROSECONDS_PER_TICK 1000
#define CONFIGURE_MAXIMUM_TASKS 3
#define CONFIGURE_MAXIMUM_SEMAPHORES 2
#define CONFIGURE_EXTRA_TASK_STACKS (2 * 32 * 1024)
#define CONFIGURE_RTEMS_INIT_TASKS_TABLE
#define CONFIGURE_INIT_TASK_STACK_SIZE (32 * 1024)
#define CONFIGURE_INIT
#include <rtems/confdefs.h>
