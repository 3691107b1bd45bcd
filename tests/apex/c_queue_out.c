/* The sending end of two queuing channels. The receiver, c_queue_in.c, leaves "commands" full until it has been full for
 * some time, and finds "answers" empty until the first message comes. */
#include "conform.h"

static QUEUING_PORT_ID_TYPE out, later;
static PROCESS_ID_TYPE a, b;

static void send(char letter)
{
    RETURN_CODE_TYPE code;
    APEX_BYTE message[2] = {(APEX_BYTE)letter, 0};
    SEND_QUEUING_MESSAGE(out, message, 2, FOREVER, &code);
    mark(code == NO_ERROR ? letter : '-');
}

static void run_a(void)
{
    send('5');
}

static void run_b(void)
{
    send('6');
}

static QUEUING_PORT_STATUS_TYPE state(void)
{
    QUEUING_PORT_STATUS_TYPE status = {.NB_MESSAGE = 99};
    NEED(GET_QUEUING_PORT_STATUS, out, &status);
    return status;
}

static void run_driver(void)
{
    APEX_BYTE message[32] = "x";
    MESSAGE_SIZE_TYPE length;
    QUEUING_PORT_ID_TYPE id;
    QUEUING_PORT_STATUS_TYPE status;
    LOCK_LEVEL_TYPE level;
    EXPECT(INVALID_MODE, "in NORMAL", CREATE_QUEUING_PORT, "unused_out", 16, 4, SOURCE, PRIORITY, &id);
    EXPECT(NO_ERROR, "by name", GET_QUEUING_PORT_ID, "commands_out", &id);
    SHOWS(GET_QUEUING_PORT_ID, "is what CREATE_QUEUING_PORT gave", id == out);
    EXPECT(INVALID_CONFIG, "no such name", GET_QUEUING_PORT_ID, "nobody", &id);
    EXPECT(INVALID_PARAM, "no such port", GET_QUEUING_PORT_STATUS, NOBODY, &status);
    EXPECT(NO_ERROR, "a source", GET_QUEUING_PORT_STATUS, out, &status);
    SHOWS(GET_QUEUING_PORT_STATUS, "tells the configuration",
          status.NB_MESSAGE == 0 && status.MAX_NB_MESSAGE == 4 && status.MAX_MESSAGE_SIZE == 16 && status.PORT_DIRECTION == SOURCE);
    EXPECT(INVALID_MODE, "a source", RECEIVE_QUEUING_MESSAGE, out, 0LL, message, &length);
    EXPECT(INVALID_MODE, "a source", CLEAR_QUEUING_PORT, out);
    EXPECT(INVALID_PARAM, "no such port", SEND_QUEUING_MESSAGE, NOBODY, message, 1, 0LL);
    EXPECT(INVALID_PARAM, "length 0", SEND_QUEUING_MESSAGE, out, message, 0, 0LL);
    EXPECT(INVALID_PARAM, "negative length", SEND_QUEUING_MESSAGE, out, message, -1, 0LL);
    EXPECT(INVALID_CONFIG, "too long", SEND_QUEUING_MESSAGE, out, message, 17, 0LL);
    for (char letter = '1'; letter <= '4'; letter++) {
        message[0] = (APEX_BYTE)letter;
        EXPECT(NO_ERROR, "there is room", SEND_QUEUING_MESSAGE, out, message, 2, 0LL);
    }
    SHOWS(GET_QUEUING_PORT_STATUS, "counts the messages at the source", state().NB_MESSAGE == 4);
    EXPECT(NOT_AVAILABLE, "full, no wait", SEND_QUEUING_MESSAGE, out, message, 2, 0LL);
    EXPECT(INVALID_PARAM, "time out of range", SEND_QUEUING_MESSAGE, out, message, 2, 0x7fffffffffffffffLL);
    NEED(LOCK_PREEMPTION, &level);
    EXPECT(INVALID_MODE, "full, preemption is locked", SEND_QUEUING_MESSAGE, out, message, 2, 1 * MS);
    NEED(UNLOCK_PREEMPTION, &level);
    EXPECT(TIMED_OUT, "full for 2 ms", SEND_QUEUING_MESSAGE, out, message, 2, 2 * MS);

    NEED(START, a);
    let_others();
    NEED(START, b);
    SHOWS(GET_QUEUING_PORT_STATUS, "counts the waiting processes", state().WAITING_PROCESSES == 2 && in_order(""));
    while (order_length < 2)
        pause_ms(5);
    TRAP(3, SEND_QUEUING_MESSAGE, "PRIORITY serves the waiting senders by priority", in_order("65"));

    pause_ms(100);
    NEED(SEND_QUEUING_MESSAGE, later, (MESSAGE_ADDR_TYPE) "hello", 5, 0LL);
    NEED(SEND_QUEUING_MESSAGE, later, (MESSAGE_ADDR_TYPE) "again", 5, FOREVER);
    finish();
}

int main(void)
{
    QUEUING_PORT_ID_TYPE id = 0;
    EXPECT(INVALID_CONFIG, "not in the configuration", CREATE_QUEUING_PORT, "nobody", 16, 4, SOURCE, PRIORITY, &id);
    EXPECT(INVALID_CONFIG, "another size", CREATE_QUEUING_PORT, "commands_out", 17, 4, SOURCE, PRIORITY, &id);
    EXPECT(INVALID_CONFIG, "another depth", CREATE_QUEUING_PORT, "commands_out", 16, 5, SOURCE, PRIORITY, &id);
    EXPECT(INVALID_CONFIG, "another direction", CREATE_QUEUING_PORT, "commands_out", 16, 4, DESTINATION, PRIORITY, &id);
    EXPECT(INVALID_PARAM, "no such discipline", CREATE_QUEUING_PORT, "commands_out", 16, 4, SOURCE, (QUEUING_DISCIPLINE_TYPE)2, &id);
    EXPECT(NO_ERROR, "a source", CREATE_QUEUING_PORT, "commands_out", 16, 4, SOURCE, PRIORITY, &out);
    EXPECT(NO_ACTION, "open already", CREATE_QUEUING_PORT, "commands_out", 16, 4, SOURCE, PRIORITY, &id);
    NEED(CREATE_QUEUING_PORT, "answers_out", 8, 1, SOURCE, FIFO, &later);
    a = create("a", run_a, 20);
    b = create("b", run_b, 60);
    NEED(START, create("driver", run_driver, DRIVER));
    return go_normal();
}
