/* One end of queuing channels:
 *
 *     send N SIZE         N messages to "out"
 *     receive N SIZE      N messages from "in", which must come whole and in order
 *     ping N SIZE         N messages to "out", each of which must come back from "in"; fails then, which can end the module
 *     crash N SIZE        receives N messages, crashes in its first two starts and fails in its third; says where it began
 *     burst N SIZE        sends N messages and crashes half-way in its first start, then goes on
 *
 * Sleeps when it can do nothing, until the line for ports is raised.
 */
#include "p_port.h"

static size_t size;

/* Nothing to do: `still` is looked at with interrupts masked, so that no news is lost. */
static void wait(bh_port_t port, int64_t (*still)(bh_port_t))
{
    uint32_t level = bh_irq_disable();
    if (still(port) == 0)
        bh_idle();
    bh_irq_enable(level);
}

static void send(bh_port_t out, uint64_t n)
{
    fill(n, size);
    int status;
    while ((status = bh_queuing_send(out, buffer, size)) == BH_PORT_FULL)
        wait(out, bh_queuing_room);
    if (status != BH_PORT_OK)
        fail("send", n);
}

static uint64_t receive(bh_port_t in)
{
    struct bh_message message;
    int status;
    while ((status = bh_queuing_receive(in, buffer, LARGEST, &message)) == BH_PORT_NONE)
        wait(in, bh_queuing_count);
    if (status != BH_PORT_OK || message.length != size)
        fail("receive", (uint64_t)-status);
    uint64_t n = number_of(buffer, size);
    if (!is_whole(n, size))
        fail("a message that is not whole", n);
    return n;
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    uint64_t count = number(argv[2]);
    uint32_t start = bh_boot_info()->generation;
    size = number(argv[3]);
    listen();
    if (same(argv[1], "send")) {
        bh_port_t out = port("out");
        for (uint64_t n = 0; n < count; n++)
            send(out, n);
        bh_printf("sent %lu, interrupted %s\n", count, arrivals ? "at times" : "never");
    } else if (same(argv[1], "receive")) {
        bh_port_t in = port("in");
        for (uint64_t n = 0; n < count; n++)
            if (receive(in) != n)
                fail("the order", n);
        bh_printf("received %lu in order, interrupted %s\n", count, arrivals ? "at times" : "never");
    } else if (same(argv[1], "ping")) {
        bh_port_t in = port("in"), out = port("out");
        for (uint64_t n = 0; n < count; n++) {
            send(out, n);
            if (receive(in) != n)
                fail("the order", n);
        }
        bh_printf("%lu came back, interrupted %s\n", count, arrivals ? "at times" : "never");
        return 3;
    } else if (same(argv[1], "crash")) {
        bh_port_t in = port("in");
        uint64_t first = receive(in);
        for (uint64_t n = 1; n < count; n++)
            if (receive(in) != first + n)
                fail("the order", first + n);
        bh_printf("start %u: %lu in order from %s\n", start, count, first ? "later on" : "0");
        if (start < 3)
            __builtin_trap();
        return 3;
    } else if (same(argv[1], "burst")) {
        bh_port_t out = port("out");
        for (uint64_t n = start == 1 ? 0 : count / 2; n < count; n++) {
            send(out, n);
            if (start == 1 && n + 1 == count / 2)
                __builtin_trap();
        }
        bh_print("sent all\n");
    }
    return 0;
}
