/* The messages that exchange.c and partner.c number. */
#ifndef NUMBERED_H
#define NUMBERED_H

#include <stdbool.h>
#include <stdint.h>

/* How many messages a port holds; exchange.toml says the same. */
#define DEPTH 256

struct numbered {
    uint64_t number;
    uint64_t filling[7];
};

/* The message with this number; its filling depends on the number and on the way it goes. */
static inline struct numbered numbered(uint64_t number, uint64_t way)
{
    struct numbered message = {.number = number};
    for (uint64_t i = 0; i < 7; i++)
        message.filling[i] = number * (i + 3) ^ way;
    return message;
}

static inline bool is_numbered(const struct numbered *message, uint64_t number, uint64_t way)
{
    struct numbered wanted = numbered(number, way);
    bool same = message->number == wanted.number;
    for (uint64_t i = 0; i < 7; i++)
        same = same && message->filling[i] == wanted.filling[i];
    return same;
}

enum { TO_PARTNER = 1, TO_RTEMS = 2 };

#endif
