/* The layouts that a Bulkhead supervisor and its guests share, for C.
 *
 * The Rust crate bulkhead-abi is the original; the assertions below hold this copy to its offsets.
 */
#ifndef BULKHEAD_ABI_H
#define BULKHEAD_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#define BH_STATIC_ASSERT static_assert
#else
#define BH_STATIC_ASSERT _Static_assert
#endif

/* Version of these layouts; the supervisor refuses guests built with another. */
#define BH_ABI_VERSION 1u
/* Longest partition or module name in bytes; shorter ones are NUL-padded, one of 32 bytes has no NUL. */
#define BH_NAME_LEN 32
#define BH_MAX_AREAS 8

/* Why the partition starts. */
enum bh_start_condition {
    BH_NORMAL_START = 0,
    BH_PARTITION_RESTART = 1,
    BH_HM_MODULE_RESTART = 2,
    BH_HM_PARTITION_RESTART = 3
};

/* How the partition starts: with zeroed RAM, or with what the previous start left there. */
enum bh_start_mode { BH_COLD_START = 0, BH_WARM_START = 1 };

enum bh_area_kind { BH_AREA_NONE = 0, BH_AREA_RAM = 1, BH_AREA_STACK = 2, BH_AREA_HOST = 3, BH_AREA_GUEST = 4 };

/* A range of memory that the guest may use. */
struct bh_memory_area {
    uint32_t kind; /* enum bh_area_kind */
    uint32_t writable;
    uint64_t base;
    uint64_t size; /* bytes */
};

/* One of the partition's windows, in nanoseconds from the beginning of the major frame. */
struct bh_window {
    uint64_t start_ns;
    uint64_t duration_ns;
};

enum bh_port_kind { BH_SAMPLING = 1, BH_QUEUING = 2 };
enum bh_port_direction { BH_SOURCE = 1, BH_DESTINATION = 2 };

/* One of the partition's ports; see bulkhead/port.h. */
struct bh_port_info {
    char name[BH_NAME_LEN];
    uint32_t kind;          /* enum bh_port_kind */
    uint32_t direction;     /* enum bh_port_direction */
    uint32_t channel;       /* number of the channel in the module, from 0 */
    uint32_t depth;         /* messages that a queuing channel holds, else 0 */
    uint32_t message_bytes; /* largest message */
    uint32_t destinations;  /* of the channel */
    uint64_t refresh_ns;    /* how long a sample stays valid; 0 for a queuing channel */
    uint64_t source;
    uint64_t slots;
    uint64_t destination;
    uint64_t floor;
};

/* Boot information; read-only. */
struct bh_boot_info {
    uint64_t magic;
    uint32_t abi_version;
    uint32_t size;
    uint32_t partition_id;    /* number of the partition in the module, from 0 */
    uint32_t generation;      /* starts so far, from 1 */
    uint32_t start_condition; /* enum bh_start_condition */
    uint32_t start_mode;      /* enum bh_start_mode */
    char partition_name[BH_NAME_LEN];
    char module_name[BH_NAME_LEN];
    uint64_t major_frame_ns;
    uint32_t area_count;
    uint32_t window_count;
    uint32_t argc;
    uint32_t out_size;
    uint32_t in_size;
    uint32_t reserved;
    const struct bh_window *windows; /* window_count of them, in order of their start */
    const char *const *argv;         /* argc strings and a null pointer */
    uint64_t clock;
    uint64_t vcpu;
    uint64_t out_producer;
    uint64_t out_consumer;
    uint64_t out_data;
    uint64_t in_producer;
    uint64_t in_consumer;
    uint64_t in_data;
    struct bh_memory_area areas[BH_MAX_AREAS]; /* the first area_count are valid */
    const struct bh_port_info *ports;          /* port_count of them, in the order of the configuration */
    uint32_t port_count;
    uint32_t reserved_ports;
};

BH_STATIC_ASSERT(sizeof(struct bh_memory_area) == 24, "bh_memory_area");
BH_STATIC_ASSERT(sizeof(struct bh_window) == 16, "bh_window");
BH_STATIC_ASSERT(sizeof(struct bh_boot_info) == 416, "bh_boot_info");
BH_STATIC_ASSERT(offsetof(struct bh_boot_info, partition_name) == 32, "partition_name");
BH_STATIC_ASSERT(offsetof(struct bh_boot_info, major_frame_ns) == 96, "major_frame_ns");
BH_STATIC_ASSERT(offsetof(struct bh_boot_info, windows) == 128, "windows");
BH_STATIC_ASSERT(offsetof(struct bh_boot_info, clock) == 144, "clock");
BH_STATIC_ASSERT(offsetof(struct bh_boot_info, in_data) == 200, "in_data");
BH_STATIC_ASSERT(offsetof(struct bh_boot_info, areas) == 208, "areas");
BH_STATIC_ASSERT(offsetof(struct bh_boot_info, ports) == 400, "ports");
BH_STATIC_ASSERT(offsetof(struct bh_boot_info, port_count) == 408, "port_count");
BH_STATIC_ASSERT(sizeof(struct bh_port_info) == 96, "bh_port_info");
BH_STATIC_ASSERT(offsetof(struct bh_port_info, refresh_ns) == 56, "refresh_ns");
BH_STATIC_ASSERT(offsetof(struct bh_port_info, floor) == 88, "floor");

#ifdef __cplusplus
}
#endif

#endif
