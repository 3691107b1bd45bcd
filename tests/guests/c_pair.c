/* One of two partitions that play a ball of eight bytes back and forth between their cores, through the ports "out" and "in".
 * Arguments: "serve" or "return" (who has the ball first), how it waits ("poll" or "idle"), and how many times it hits. */
#include <bulkhead/bulkhead.h>
#include <bulkhead/irq.h>
#include <bulkhead/port.h>
#include <bulkhead/printf.h>

static volatile uint64_t arrivals;
static bh_port_t out, in;

static void on_arrival(uint32_t line, void *argument)
{
    (void)line, (void)argument;
    arrivals++;
}

static uint64_t catch_it(bool poll)
{
    for (uint64_t ball;;) {
        uint32_t level = bh_irq_disable();
        int status = bh_queuing_receive(in, &ball, sizeof ball, 0);
        if (status == BH_PORT_NONE && !poll)
            bh_idle();
        bh_irq_enable(level);
        if (status == BH_PORT_OK)
            return ball;
    }
}

static uint64_t number(const char *text)
{
    uint64_t value = 0;
    for (; *text >= '0' && *text <= '9'; text++)
        value = value * 10 + (uint64_t)(*text - '0');
    return value;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    bool serves = argv[1][0] == 's', poll = argv[2][0] == 'p';
    uint64_t hits = number(argv[3]), ball = 0, longest = 0;
    out = bh_port_find("out");
    in = bh_port_find("in");
    bh_irq_request(BH_LINE_PORT, on_arrival, 0);
    for (uint64_t hit = 0; hit < hits; hit++) {
        if (!serves || hit > 0) {
            uint64_t since = bh_now_ns();
            uint64_t caught = catch_it(poll);
            uint64_t waited = bh_now_ns() - since;
            longest = waited > longest ? waited : longest;
            if (caught != ball + 1)
                bh_printf("ball %lu after %lu\n", (unsigned long)caught, (unsigned long)ball);
            ball = caught;
        }
        ball++;
        if (bh_queuing_send(out, &ball, sizeof ball) != BH_PORT_OK)
            return 3;
    }
    bh_printf("ball %lu at %lu waited %lu arrivals %lu\n", (unsigned long)ball, (unsigned long)(bh_now_ns() - bh_epoch_ns()),
              (unsigned long)longest, (unsigned long)arrivals);
    /* Nothing is left to wait for. */
    if (serves && hits == 1)
        for (;;) {
            uint32_t level = bh_irq_disable();
            bh_idle();
            bh_irq_enable(level);
        }
    return 0;
}
