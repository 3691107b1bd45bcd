/* Queuing ports, the destination: it takes its time with every waypoint, and gets them all, in order. See queuing.toml. */
#include "example.h"

static QUEUING_PORT_ID_TYPE in;

static void write_down(void)
{
    for (;;) {
        char waypoint[8];
        MESSAGE_SIZE_TYPE length;
        CALL(RECEIVE_QUEUING_MESSAGE, in, FOREVER, (MESSAGE_ADDR_TYPE)waypoint, &length);
        if (waypoint[0] == 'e')
            break;
        bh_printf("wrote down %s\n", waypoint);
        CALL(TIMED_WAIT, 50 * MS);
    }
    bh_halt(0);
}

int main(void)
{
    CALL(CREATE_QUEUING_PORT, "plan_in", 8, 3, DESTINATION, FIFO, &in);
    process("write down", write_down, 20, FOREVER);
    return begin();
}
