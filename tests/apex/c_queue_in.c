/* The receiving end of two queuing channels. The sender is c_queue_out.c. */
#include "conform.h"

static QUEUING_PORT_ID_TYPE in, later;
static char got[8];
static int received;

static QUEUING_PORT_STATUS_TYPE state(QUEUING_PORT_ID_TYPE port)
{
    QUEUING_PORT_STATUS_TYPE status = {.NB_MESSAGE = 99};
    NEED(GET_QUEUING_PORT_STATUS, port, &status);
    return status;
}

static void refusals(void)
{
    APEX_BYTE message[32];
    MESSAGE_SIZE_TYPE length = 99;
    LOCK_LEVEL_TYPE level;
    EXPECT(INVALID_PARAM, "no such port", RECEIVE_QUEUING_MESSAGE, NOBODY, 0LL, message, &length);
    EXPECT(INVALID_MODE, "a destination", SEND_QUEUING_MESSAGE, in, message, 2, 0LL);
    EXPECT(INVALID_PARAM, "no such port", CLEAR_QUEUING_PORT, NOBODY);
    EXPECT(NOT_AVAILABLE, "empty, no wait", RECEIVE_QUEUING_MESSAGE, later, 0LL, message, &length);
    SHOWS(RECEIVE_QUEUING_MESSAGE, "without a message the length is 0", length == 0);
    EXPECT(TIMED_OUT, "empty for 2 ms", RECEIVE_QUEUING_MESSAGE, later, 2 * MS, message, &length);
    EXPECT(INVALID_PARAM, "time out of range", RECEIVE_QUEUING_MESSAGE, later, 0x7fffffffffffffffLL, message, &length);
    RETURN_CODE_TYPE poll = NO_ERROR, wait = NO_ERROR;
    NEED(LOCK_PREEMPTION, &level);
    RECEIVE_QUEUING_MESSAGE(later, 0, message, &length, &poll);
    RECEIVE_QUEUING_MESSAGE(later, FOREVER, message, &length, &wait);
    NEED(UNLOCK_PREEMPTION, &level);
    GOT(INVALID_MODE, wait, "empty, preemption is locked", RECEIVE_QUEUING_MESSAGE);
    TRAP(2, RECEIVE_QUEUING_MESSAGE, "may be polled with preemption locked", poll == NOT_AVAILABLE && wait == INVALID_MODE);
}

static void run_driver(void)
{
    APEX_BYTE message[32];
    MESSAGE_SIZE_TYPE length = 99;
    refusals();
    while (state(in).NB_MESSAGE < 4)
        pause_ms(2);
    pause_ms(100); /* while the sender finds the channel full */
    while (received < 6) {
        RETURN_CODE_TYPE code;
        RECEIVE_QUEUING_MESSAGE(in, FOREVER, message, &length, &code);
        got[received++] = code == NO_ERROR && length == 2 ? (char)message[0] : '-';
    }
    got[6] = 0;
    SHOWS(RECEIVE_QUEUING_MESSAGE, "messages come in the order in which they were sent", same_text(got, "123465"));

    EXPECT(NO_ERROR, "empty until one comes", RECEIVE_QUEUING_MESSAGE, later, FOREVER, message, &length);
    SHOWS(RECEIVE_QUEUING_MESSAGE, "gives the message that came while it waited", length == 5 && message[0] == 'h');
    while (state(later).NB_MESSAGE == 0)
        pause_ms(2);
    EXPECT(NO_ERROR, "a message waits", CLEAR_QUEUING_PORT, later);
    SHOWS(CLEAR_QUEUING_PORT, "throws the message away", state(later).NB_MESSAGE == 0);
    EXPECT(NOT_AVAILABLE, "cleared, no wait", RECEIVE_QUEUING_MESSAGE, later, 0LL, message, &length);
    finish();
}

int main(void)
{
    EXPECT(NO_ERROR, "a destination", CREATE_QUEUING_PORT, "commands_in", 16, 4, DESTINATION, FIFO, &in);
    NEED(CREATE_QUEUING_PORT, "answers_in", 8, 1, DESTINATION, FIFO, &later);
    SHOWS(GET_QUEUING_PORT_STATUS, "tells the direction", state(in).PORT_DIRECTION == DESTINATION);
    NEED(START, create("driver", run_driver, DRIVER));
    return go_normal();
}
