/* The other side of exchange.c, on the ARINC 653 executive: one process sends numbered messages, one receives them, and each
 * waits at its port while the other runs. See exchange.toml.
 *
 * The first argument is the number of messages each way. */
#include <bulkhead/port.h>

#include "../apex/example.h"
#include "numbered.h"

static QUEUING_PORT_ID_TYPE out, in;
static uint64_t count;
static int at_work = 2;
static SYSTEM_TIME_TYPE began;

static void fail(const char *what, uint64_t number, int code)
{
    bh_printf("FAILED: %s, message %lu, code %d\n", what, number, code);
    bh_halt(1);
}

/* The process that is ready last sees to it that nothing is left over, and ends the partition. */
static void finish(void)
{
    if (--at_work > 0)
        return;
    QUEUING_PORT_STATUS_TYPE sent, received;
    do {
        CALL(TIMED_WAIT, MS);
        CALL(GET_QUEUING_PORT_STATUS, out, &sent);
    } while (sent.NB_MESSAGE > 0);
    CALL(GET_QUEUING_PORT_STATUS, in, &received);
    int64_t room = bh_queuing_room(bh_port_find("out"));
    if (received.NB_MESSAGE != 0 || room != DEPTH)
        fail("something is left", (uint64_t)received.NB_MESSAGE, (int)room);
    SYSTEM_TIME_TYPE now;
    CALL(GET_TIME, &now);
    bh_printf("%lu messages sent and %lu received in order, none left, room for %ld; %lld ms, %u windows\n", count, count, room,
              (now - began) / MS, bh_window_count());
    bh_halt(0);
}

static void send_all(void)
{
    for (uint64_t number = 1; number <= count; number++) {
        struct numbered message = numbered(number, TO_RTEMS);
        RETURN_CODE_TYPE code;
        SEND_QUEUING_MESSAGE(out, (MESSAGE_ADDR_TYPE)&message, sizeof message, FOREVER, &code);
        if (code != NO_ERROR)
            fail("sending", number, code);
    }
    finish();
    STOP_SELF();
}

static void receive_all(void)
{
    for (uint64_t number = 1; number <= count; number++) {
        struct numbered message;
        MESSAGE_SIZE_TYPE length;
        RETURN_CODE_TYPE code;
        RECEIVE_QUEUING_MESSAGE(in, FOREVER, (MESSAGE_ADDR_TYPE)&message, &length, &code);
        if (code != NO_ERROR)
            fail("receiving", number, code);
        if (length != sizeof message || !is_numbered(&message, number, TO_PARTNER))
            fail("lost, changed or out of order", number, (int)message.number);
    }
    finish();
    STOP_SELF();
}

int main(int argc, char **argv)
{
    for (const char *digit = argc > 1 ? argv[1] : "1000000"; *digit; digit++)
        count = count * 10 + (uint64_t)(*digit - '0');
    CALL(CREATE_QUEUING_PORT, "out", sizeof(struct numbered), DEPTH, SOURCE, FIFO, &out);
    CALL(CREATE_QUEUING_PORT, "in", sizeof(struct numbered), DEPTH, DESTINATION, FIFO, &in);
    CALL(GET_TIME, &began);
    process("send", send_all, 20, FOREVER);
    process("receive", receive_all, 20, FOREVER);
    return begin();
}
