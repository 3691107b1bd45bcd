/* Compiled with -fsanitize-coverage=trace-pc: the partner of a program outside that keeps the module in lockstep.
 *
 *     echo        sends what comes to the queue "in" back to the queue "out", and sleeps in between; says when it was interrupted
 *     spin        likewise, but counts in between and says how far it had come when it was interrupted
 *     full        sends to the queue "out" until it is full, and once more when there is room
 *     sample      in each window reads the sample at "in", says what it is, and writes the number of the window to "out"
 *     deaf        sleeps until the console has something
 *
 * The message "end" ends it.
 */
#include "p_port.h"

static volatile uint64_t spins, struck_at, struck_in;

static void on_news(uint32_t line, void *argument)
{
    (void)line, (void)argument;
    struck_at = bh_now_ns() - bh_epoch_ns();
    struck_in = spins;
    arrivals++;
}

/* Waits until the interrupt after `seen` others. */
static void sleep_until(uint64_t seen)
{
    while (arrivals == seen) {
        uint32_t level = bh_irq_disable();
        if (arrivals == seen)
            bh_idle();
        bh_irq_enable(level);
    }
}

static int is_end(int64_t length)
{
    return length == 3 && buffer[0] == 'e' && buffer[1] == 'n' && buffer[2] == 'd';
}

static void echo(int spin)
{
    bh_port_t in = port("in"), out = port("out");
    struct bh_message message;
    for (uint64_t seen = 0;; seen = arrivals) {
        if (spin)
            while (arrivals == seen)
                spins++;
        else
            sleep_until(seen);
        if (spin)
            bh_printf("struck at %lu in %lu\n", struck_at, struck_in);
        else
            bh_printf("struck at %lu\n", struck_at);
        while (bh_queuing_receive(in, buffer, LARGEST, &message) == BH_PORT_OK) {
            if (is_end((int64_t)message.length))
                return;
            if (bh_queuing_send(out, buffer, message.length) != BH_PORT_OK)
                bh_print("no room\n");
        }
    }
}

static void full(void)
{
    bh_port_t out = port("out");
    uint64_t n = 0;
    for (; bh_queuing_send(out, &n, 8) == BH_PORT_OK; n++)
        ;
    bh_printf("full with %lu\n", n);
    uint64_t seen = arrivals;
    sleep_until(seen);
    bh_printf("struck at %lu, and %s\n", struck_at, bh_queuing_send(out, &n, 8) == BH_PORT_OK ? "sent" : "not sent");
}

static void sample(void)
{
    bh_port_t in = port("in"), out = port("out");
    struct bh_message message;
    for (;;) {
        uint64_t window = bh_window_count(), now = bh_now_ns();
        if (bh_sampling_read(in, buffer, LARGEST - 1, &message) != BH_PORT_OK)
            bh_printf("window %lu: none\n", window);
        else if (is_end((int64_t)message.length))
            return;
        else {
            buffer[message.length] = 0;
            bh_printf("window %lu: %s, %s, %lu ns old\n", window, (char *)buffer, message.valid ? "valid" : "invalid",
                      now - message.written_ns);
        }
        if (bh_sampling_write(out, &window, 8) != BH_PORT_OK)
            fail("write", window);
        bh_yield();
    }
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    if (same(argv[1], "deaf")) {
        bh_irq_request(BH_LINE_CONSOLE, on_news, NULL);
        sleep_until(0);
    }
    if (bh_irq_request(BH_LINE_PORT, on_news, NULL) != 0)
        fail("the line", BH_LINE_PORT);
    if (same(argv[1], "echo") || same(argv[1], "spin"))
        echo(same(argv[1], "spin"));
    else if (same(argv[1], "full"))
        full();
    else if (same(argv[1], "sample"))
        sample();
    return 0;
}
