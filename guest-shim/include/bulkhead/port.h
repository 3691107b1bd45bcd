/* Ports of Bulkhead guests: messages to and from other partitions, as the module's configuration connects them.
 *
 * None of these functions waits and none makes a system call. The interrupt line BH_LINE_PORT is raised when a window of the
 * peer ends in which it sent something to one of this partition's ports, or took something from one. None is atomic against a handler
 * that uses the same port: mask interrupts, or use a port from one context only.
 */
#ifndef BULKHEAD_PORT_H
#define BULKHEAD_PORT_H

#include <bulkhead/abi.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A handle: 0 or more, or one of the errors below. It carries the partition's start; one from before a warm start is told. */
typedef int64_t bh_port_t;

enum bh_port_status {
    BH_PORT_OK = 0,
    BH_PORT_NONE = -1,      /* no such port; or nothing to read or receive */
    BH_PORT_STALE = -2,     /* the handle is no handle of this start of the partition */
    BH_PORT_KIND = -3,      /* a port of the other kind */
    BH_PORT_DIRECTION = -4, /* the other end */
    BH_PORT_TOO_LONG = -5,  /* the message is longer than the channel's may be */
    BH_PORT_FULL = -6,      /* the queue has no room */
    BH_PORT_NONSENSE = -7   /* what the source left makes no sense; a message may have been thrown away */
};

/* What is known of a message that was read or received. */
struct bh_message {
    uint64_t length;     /* of the message, in bytes; the buffer may have taken less */
    uint64_t written_ns; /* sampling: module time of the writing, as the source says; else 0 */
    uint64_t number;     /* sampling: another number means another message; else 0 */
    uint32_t generation; /* which start of the source it comes from, as the source says */
    uint32_t valid;      /* sampling: 1 if no older than the refresh period; queuing: 1 */
};

/* The port with this name; BH_PORT_NONE if the partition has none. */
bh_port_t bh_port_find(const char *name);

/* The partition's port number `index`, from 0, in the order of the configuration; BH_PORT_NONE behind the last. */
bh_port_t bh_port_at(uint32_t index);

/* What the configuration says about a port; a null pointer if the handle is stale. */
const struct bh_port_info *bh_port_get(bh_port_t port);

/* Replaces the message of a sampling channel. BH_PORT_OK or an error. */
int bh_sampling_write(bh_port_t port, const void *data, size_t size);

/* Reads the latest message of a sampling channel, at most `size` bytes of it; `message` may be null. BH_PORT_OK or an error;
 * BH_PORT_NONE: there has been no message since the partition's start, or there is no whole one. */
int bh_sampling_read(bh_port_t port, void *data, size_t size, struct bh_message *message);

/* Appends a message to a queuing channel. BH_PORT_OK or an error. */
int bh_queuing_send(bh_port_t port, const void *data, size_t size);

/* Takes the next message of a queuing channel, at most `size` bytes of it; `message` may be null. BH_PORT_OK or an error. */
int bh_queuing_receive(bh_port_t port, void *data, size_t size, struct bh_message *message);

/* Messages that wait in a queuing channel, for either end; or an error. */
int64_t bh_queuing_count(bh_port_t port);

/* Messages that can be sent to a queuing channel now; or an error. */
int64_t bh_queuing_room(bh_port_t port);

/* Throws away all messages that wait. BH_PORT_OK or an error. */
int bh_queuing_clear(bh_port_t port);

/* 1 if messages were lost since the last call because the queue was full, else 0; or an error. */
int bh_queuing_take_overflow(bh_port_t port);

#ifdef __cplusplus
}
#endif

#endif
