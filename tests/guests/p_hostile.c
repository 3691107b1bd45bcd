/* Partitions that attack the other side of a channel, those that are attacked, and those that would fall for it.
 *
 * Attackers, for N windows:
 *     scribble N          random words into every page of "out" and "in" that it may write
 *     flip N              messages to "out" whose lengths change all the time
 *     half N              a sample to "out", then half of another, and nothing more
 *     lie N               a sample to "out", then the number of one that does not exist
 *     flood N             a message to each of its ports in every window
 *     poke in|own         writes to the page of the source of "in", or to the page of its own side
 * Attacked, for N windows; each says what it has seen and goes on:
 *     receive N           receives from "in"
 *     send N              sends to "out"
 *     sample N            reads "in"
 *     count N             takes interrupts for ports and receives from all of its ports
 * Controls, which lack the protection in question:
 *     trusting N          receives from "in" and believes the length
 *     twice N             receives from "in", and reads the length again after it has checked it
 *     patient N           reads a sample from "in" and waits for a whole one
 * Others:
 *     stale               uses a handle from before its restart
 *     wrong               uses ports that are not there, or are others
 */
#include "p_port.h"

static uint64_t seed = 88172645463325252ull;

/* Marsaglia's xorshift64. */
static uint64_t any(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static const struct bh_port_info *info(const char *name)
{
    bh_port_t found = bh_port_find(name);
    return found < 0 ? NULL : bh_port_get(found);
}

static volatile uint64_t *word(uint64_t address, uint64_t index)
{
    return (volatile uint64_t *)(address + 8 * index);
}

/* Words of a slot of a queuing channel, and slots of the channel. */
static uint64_t stride(const struct bh_port_info *port)
{
    return 1 + (port->message_bytes + 7) / 8;
}

static uint64_t slots(const struct bh_port_info *port)
{
    uint64_t count = 1;
    while (count < port->depth)
        count *= 2;
    return count;
}

static void scribble(uint64_t windows)
{
    const struct bh_port_info *out = info("out"), *in = info("in");
    while (bh_window_count() <= windows) {
        uint64_t value = any() % 4 ? any() >> any() % 64 : any() % 8;
        if (out && any() % 2)
            *word(out->slots, any() % (slots(out) * stride(out))) = value;
        if (out && any() % 4 == 0)
            *word(out->source, 0) = any() % 2 ? value : *word(out->destination, 0) + any() % 4;
        if (out && any() % 16 == 0)
            *word(out->source, any() % 512) = value;
        if (in && in->destination)
            *word(in->destination, any() % 4 ? 0 : any() % 512) = any() % 2 ? value : *word(in->source, 0) - any() % 4;
    }
    bh_print("scribbled\n");
}

static void flip(uint64_t windows)
{
    const struct bh_port_info *out = info("out");
    while (bh_window_count() <= windows) {
        *word(out->source, 0) = *word(out->destination, 0) + 1;
        for (uint64_t slot = 0; slot < slots(out); slot++) {
            /* Each for a while, so that a reader meets both. */
            for (int i = 0; i < 20; i++)
                *word(out->slots, slot * stride(out)) = 64;
            for (int i = 0; i < 20; i++)
                *word(out->slots, slot * stride(out)) = 4096;
        }
    }
    bh_print("flipped\n");
}

static void half(uint64_t windows, int lie)
{
    const struct bh_port_info *out = info("out");
    fill(1, out->message_bytes);
    bh_sampling_write(port("out"), buffer, out->message_bytes);
    /* Sample 2 is in the third slot of 4: mark, time, header, data. */
    uint64_t words = 3 + (out->message_bytes + 7) / 8;
    *word(out->slots, 2 * words) = 3;
    *word(out->slots, 2 * words + 3) = UINT64_MAX;
    if (lie)
        *word(out->source, 0) = 2;
    bh_print("stalled\n");
    while (bh_window_count() <= windows)
        bh_yield();
}

static void flood(uint64_t windows)
{
    while (bh_window_count() <= windows) {
        for (uint32_t index = 0; bh_port_at(index) >= 0; index++)
            bh_queuing_send(bh_port_at(index), "news", 4);
        bh_yield();
    }
    bh_print("flooded\n");
}

/* The buffer lies between canaries. */
static struct {
    uint64_t before[8];
    unsigned char data[64];
    uint64_t behind[8192];
} guarded;

static void guard(void)
{
    for (int i = 0; i < 8; i++)
        guarded.before[i] = 0x5afe;
    for (int i = 0; i < 8192; i++)
        guarded.behind[i] = 0x5afe;
}

static int intact(void)
{
    for (int i = 0; i < 8; i++)
        if (guarded.before[i] != 0x5afe)
            return 0;
    for (int i = 0; i < 8192; i++)
        if (guarded.behind[i] != 0x5afe)
            return 0;
    return 1;
}

static void receive(uint64_t windows)
{
    bh_port_t in = port("in");
    uint64_t good = 0, nonsense = 0, none = 0;
    guard();
    while (bh_window_count() <= windows) {
        struct bh_message message = {0};
        int status = bh_queuing_receive(in, guarded.data, sizeof guarded.data, &message);
        if (status == BH_PORT_OK && message.length > sizeof guarded.data)
            fail("a length beyond the channel's", message.length);
        if (bh_queuing_count(in) < 0 || bh_queuing_count(in) > bh_port_get(in)->depth)
            fail("a count beyond the depth", (uint64_t)bh_queuing_count(in));
        good += status == BH_PORT_OK;
        nonsense += status == BH_PORT_NONSENSE;
        none += status == BH_PORT_NONE;
        if (any() % 1024 == 0) {
            bh_queuing_clear(in);
            bh_queuing_take_overflow(in);
        }
    }
    if (!intact())
        fail("memory beyond the buffer", 0);
    bh_printf("survived%s%s\n", good ? ", good messages" : "", nonsense ? ", nonsense" : "");
}

static void send(uint64_t windows)
{
    bh_port_t out = port("out");
    uint64_t sent = 0, full = 0;
    while (bh_window_count() <= windows) {
        int status = bh_queuing_send(out, "message", 7);
        if (status != BH_PORT_OK && status != BH_PORT_FULL)
            fail("send", (uint64_t)-status);
        if (bh_queuing_room(out) < 0 || bh_queuing_room(out) > bh_port_get(out)->depth)
            fail("room beyond the depth", (uint64_t)bh_queuing_room(out));
        sent += status == BH_PORT_OK;
        full += status == BH_PORT_FULL;
    }
    bh_printf("survived%s%s\n", sent ? ", sent" : "", full ? ", full" : "");
}

static void sample(uint64_t windows)
{
    bh_port_t in = port("in");
    uint64_t valid = 0, stale = 0, none = 0;
    guard();
    while (bh_window_count() <= windows) {
        struct bh_message message;
        int status = bh_sampling_read(in, guarded.data, sizeof guarded.data, &message);
        if (status == BH_PORT_OK && number_of(guarded.data, 8) != 1)
            fail("a sample that was never whole", number_of(guarded.data, 8));
        valid += status == BH_PORT_OK && message.valid;
        stale += status == BH_PORT_OK && !message.valid;
        none += status == BH_PORT_NONE;
    }
    if (!intact())
        fail("memory beyond the buffer", 0);
    bh_printf("survived%s%s%s\n", valid ? ", valid" : "", stale ? ", invalid" : "", none ? ", none" : "");
}

static void count(uint64_t windows)
{
    uint64_t received = 0;
    while (bh_window_count() <= windows) {
        for (uint32_t index = 0; bh_port_at(index) >= 0; index++)
            while (bh_queuing_receive(bh_port_at(index), buffer, LARGEST, NULL) == BH_PORT_OK)
                received++;
        bh_yield();
    }
    bh_printf("%lu messages, %lu interrupts\n", received, arrivals);
}

/* What a receiver must not do. The copy ends at the end of this guest's memory, not at the message's. */
static void trusting(uint64_t windows, int twice)
{
    const struct bh_port_info *in = info("in");
    guard();
    while (bh_window_count() <= windows && intact()) {
        uint64_t tail = *word(in->destination, 0);
        if (*word(in->source, 0) == tail)
            continue;
        uint64_t slot = tail % slots(in) * stride(in);
        volatile uint64_t *length = word(in->slots, slot);
        if (twice && (uint32_t)*length > in->message_bytes) {
            *word(in->destination, 0) = tail + 1;
            continue;
        }
        uint64_t size = (uint32_t)*length;
        for (uint64_t i = 0; i < size && i < sizeof guarded.data + sizeof guarded.behind; i++) {
            ((volatile unsigned char *)guarded.data)[i] = 0;
            if (twice)
                size = (uint32_t)*length;
        }
        *word(in->destination, 0) = tail + 1;
    }
    bh_print(intact() ? "unharmed\n" : "overrun\n");
}

/* What a reader must not do. */
static void patient(uint64_t windows)
{
    const struct bh_port_info *in = info("in");
    uint64_t words = 3 + (in->message_bytes + 7) / 8;
    uint64_t number;
    while ((number = *word(in->source, 0)) == 0)
        bh_yield();
    while (*word(in->slots, number % 4 * words) != 2 * number) {
        if (bh_window_count() > windows) {
            bh_print("still waiting\n");
            return;
        }
        number = *word(in->source, 0);
    }
    bh_print("got one\n");
}

static void stale(void)
{
    /* A warm start keeps the RAM area. */
    static bh_port_t *kept;
    for (uint32_t i = 0; i < bh_boot_info()->area_count; i++)
        if (bh_boot_info()->areas[i].kind == BH_AREA_RAM)
            kept = (bh_port_t *)bh_boot_info()->areas[i].base;
    if (bh_boot_info()->generation == 1) {
        *kept = port("out");
        if (bh_queuing_send(*kept, "first", 5) != BH_PORT_OK)
            fail("the first handle", 0);
        __builtin_trap();
    }
    bh_port_t now = port("out");
    if (*kept == 0 || (uint32_t)*kept != (uint32_t)now || *kept == now)
        fail("the kept handle", (uint64_t)*kept);
    bh_printf("stale: %d %d, ", bh_queuing_send(*kept, "again", 5), (int)bh_queuing_room(*kept));
    bh_printf("%s, fresh: %d\n", bh_port_get(*kept) ? "told" : "not told", bh_queuing_send(now, "again", 5));
}

static void wrong(void)
{
    struct bh_message message;
    bh_printf("undeclared: %d %d\n", (int)bh_port_find("nothing"), (int)bh_port_find(""));
    bh_printf("made up: %d %d %d\n", bh_queuing_send(-1, "x", 1), bh_queuing_send(0, "x", 1),
              bh_queuing_send(port("out") + 1000, "x", 1));
    bh_printf("direction: %d %d %d\n", bh_queuing_send(port("in"), "x", 1),
              bh_queuing_receive(port("out"), buffer, 8, &message), bh_sampling_write(port("looks"), "x", 1));
    bh_printf("kind: %d %d %d\n", bh_sampling_write(port("out"), "x", 1),
              bh_queuing_send(port("looks"), "x", 1), (int)bh_queuing_count(port("looks")));
    bh_printf("too long: %d\n", bh_queuing_send(port("out"), buffer, bh_port_get(port("out"))->message_bytes + 1));
    bh_printf("right: %d\n", bh_queuing_send(port("out"), "x", 1));
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    const char *role = argv[1];
    uint64_t windows = argc > 2 ? number(argv[2]) : 0;
    seed += bh_boot_info()->partition_id;
    if (same(role, "scribble"))
        scribble(windows);
    else if (same(role, "flip"))
        flip(windows);
    else if (same(role, "half") || same(role, "lie"))
        half(windows, same(role, "lie"));
    else if (same(role, "flood"))
        flood(windows);
    else if (same(role, "poke")) {
        const struct bh_port_info *in = info("in");
        *word(same(argv[2], "own") ? in->destination : in->source, 511) = 1;
        bh_print("poked\n");
    } else if (same(role, "receive"))
        receive(windows);
    else if (same(role, "send"))
        send(windows);
    else if (same(role, "sample"))
        sample(windows);
    else if (same(role, "count")) {
        listen();
        count(windows);
    } else if (same(role, "trusting") || same(role, "twice"))
        trusting(windows, same(role, "twice"));
    else if (same(role, "patient"))
        patient(windows);
    else if (same(role, "stale"))
        stale();
    else if (same(role, "wrong"))
        wrong();
    else
        return 2;
    return 0;
}
