/* The receiving end of a queuing channel that is fed by a socket, faster than it can take: messages are lost, and it is told. */
#include "conform.h"

static QUEUING_PORT_ID_TYPE in;

static void run_driver(void)
{
    APEX_BYTE message[16] = {0};
    MESSAGE_SIZE_TYPE length = 0;
    RETURN_CODE_TYPE code;
    int received = 0;
    do {
        pause_ms(20);
        RECEIVE_QUEUING_MESSAGE(in, 20 * SECOND, message, &length, &code);
    } while (code == NO_ERROR && ++received < 1000);
    GOT(INVALID_CONFIG, code, "messages were lost", RECEIVE_QUEUING_MESSAGE);
    SHOWS(RECEIVE_QUEUING_MESSAGE, "the message that comes with the loss is whole", length == 6 && message[0] == 'f' && message[4] == 'd');
    finish();
}

int main(void)
{
    NEED(CREATE_QUEUING_PORT, "flood_in", 16, 4, DESTINATION, FIFO, &in);
    NEED(START, create("driver", run_driver, DRIVER));
    return go_normal();
}
