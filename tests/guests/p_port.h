/* What the guests of the port tests share: numbered messages, waiting for news, numbers from arguments. */
#include <bulkhead/bulkhead.h>
#include <bulkhead/irq.h>
#include <bulkhead/port.h>
#include <bulkhead/printf.h>

enum { LARGEST = 65536 };

static unsigned char buffer[LARGEST];
static volatile uint64_t arrivals;

static inline uint64_t number(const char *text)
{
    uint64_t value = 0;
    for (; *text; text++)
        value = value * 10 + (uint64_t)(*text - '0');
    return value;
}

static inline int same(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

static void fail(const char *what, uint64_t where)
{
    bh_printf("FAILED: %s at %lu\n", what, where);
    bh_halt(1);
}

/* Message `n`: its number, and behind it bytes that follow from number and place. */
static inline void fill(uint64_t n, size_t size)
{
    for (size_t i = 0; i < size; i++)
        buffer[i] = i < 8 ? (unsigned char)(n >> 8 * i) : (unsigned char)(n * 7 + i);
}

static inline uint64_t number_of(const unsigned char *message, size_t size)
{
    uint64_t n = 0;
    for (size_t i = 0; i < 8 && i < size; i++)
        n |= (uint64_t)message[i] << 8 * i;
    return n;
}

static inline int is_whole(uint64_t n, size_t size)
{
    for (size_t i = 8; i < size; i++)
        if (buffer[i] != (unsigned char)(n * 7 + i))
            return 0;
    return 1;
}

static void on_port(uint32_t line, void *argument)
{
    (void)line, (void)argument;
    arrivals++;
}

static inline void listen(void)
{
    if (bh_irq_request(BH_LINE_PORT, on_port, NULL) != 0)
        fail("the line", BH_LINE_PORT);
}

static bh_port_t port(const char *name)
{
    bh_port_t found = bh_port_find(name);
    if (found < 0)
        fail(name, 0);
    return found;
}
