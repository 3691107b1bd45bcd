/* Queuing ports, the source: a flight plan, waypoint by waypoint, faster than the other side takes them. See queuing.toml. */
#include "example.h"

static QUEUING_PORT_ID_TYPE out;

static void dictate(void)
{
    static const char plan[][8] = {"KERAX", "MANAL", "LORPA", "RASVO", "BOMBI", "TOSTU", "end"};
    for (unsigned i = 0; i < sizeof plan / sizeof plan[0]; i++) {
        CALL(SEND_QUEUING_MESSAGE, out, (MESSAGE_ADDR_TYPE)plan[i], sizeof plan[i], FOREVER);
        bh_printf("sent %s\n", plan[i]);
    }
    bh_halt(0);
}

int main(void)
{
    CALL(CREATE_QUEUING_PORT, "plan_out", 8, 3, SOURCE, FIFO, &out);
    process("dictate", dictate, 20, FOREVER);
    return begin();
}
