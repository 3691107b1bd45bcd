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

/* One of the partition's memory blocks; see bulkhead/memory.h. */
struct bh_block_info {
    char name[BH_NAME_LEN];
    uint64_t base;     /* first address, the same in every partition */
    uint64_t size;     /* bytes */
    uint32_t writable; /* 1 if the partition may write there, else 0 */
    uint32_t reserved;
};

/* Error codes, as ARINC 653 numbers them. */
enum bh_error_code {
    BH_DEADLINE_MISSED = 0,
    BH_APPLICATION_ERROR = 1,
    BH_NUMERIC_ERROR = 2,
    BH_ILLEGAL_REQUEST = 3,
    BH_STACK_OVERFLOW = 4,
    BH_MEMORY_VIOLATION = 5,
    BH_HARDWARE_FAULT = 6,
    BH_POWER_FAIL = 7,
    BH_ERROR_CODES = 8
};

/* Who deals with an error: the partition's error handler, the health monitor for the partition, or for the module. */
enum bh_level { BH_LEVEL_PROCESS = 0, BH_LEVEL_PARTITION = 1, BH_LEVEL_MODULE = 2 };

/* What the health monitor does about an error; the last two are the module's. */
enum bh_action {
    BH_ACTION_IGNORE = 0,
    BH_ACTION_IDLE = 1,
    BH_ACTION_WARM_START = 2,
    BH_ACTION_COLD_START = 3,
    BH_ACTION_SHUTDOWN = 4,
    BH_ACTION_RESET = 5
};

/* The mode of a partition, as ARINC 653 numbers them. */
enum bh_mode { BH_MODE_IDLE = 0, BH_MODE_COLD_START = 1, BH_MODE_WARM_START = 2, BH_MODE_NORMAL = 3 };

/* What is done about one error code. */
struct bh_response {
    uint8_t level;  /* enum bh_level */
    uint8_t action; /* enum bh_action */
};

/* How many objects of a kind the configuration lets the partition's executive make. */
struct bh_limits {
    uint32_t processes; /* the main process not counted */
    uint32_t buffers;
    uint32_t blackboards;
    uint32_t semaphores;
    uint32_t events;
    uint32_t mutexes;
    uint32_t logbooks;
    uint32_t reserved;
};

/* One of the module's schedules, as the partition sees it. */
struct bh_schedule {
    char name[BH_NAME_LEN];
    uint64_t period_ns;
    uint64_t duration_ns; /* per period; 0 if the partition does not run in this schedule */
    const struct bh_window *windows;
    uint32_t window_count;
    uint32_t reserved;
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
    uint64_t period_ns;
    uint64_t duration_ns; /* per period */
    struct bh_response health[BH_ERROR_CODES];
    struct bh_limits limits;
    const struct bh_schedule *schedules;
    uint32_t schedule_count;
    uint32_t may_switch_schedule;
    uint64_t schedule_status;
    uint64_t report_producer;
    uint64_t report_consumer;
    uint64_t report_data;
    uint32_t report_slots;
    uint32_t reserved_reports;
    const struct bh_block_info *blocks; /* block_count of them, in the order of the configuration */
    uint32_t block_count;
    uint32_t reserved_blocks;
};

BH_STATIC_ASSERT(sizeof(struct bh_memory_area) == 24, "bh_memory_area");
BH_STATIC_ASSERT(sizeof(struct bh_window) == 16, "bh_window");
BH_STATIC_ASSERT(sizeof(struct bh_boot_info) == 552, "bh_boot_info");
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
BH_STATIC_ASSERT(offsetof(struct bh_boot_info, period_ns) == 416, "period_ns");
BH_STATIC_ASSERT(offsetof(struct bh_boot_info, health) == 432, "health");
BH_STATIC_ASSERT(offsetof(struct bh_boot_info, limits) == 448, "limits");
BH_STATIC_ASSERT(offsetof(struct bh_boot_info, schedules) == 480, "schedules");
BH_STATIC_ASSERT(offsetof(struct bh_boot_info, schedule_status) == 496, "schedule_status");
BH_STATIC_ASSERT(offsetof(struct bh_boot_info, report_slots) == 528, "report_slots");
BH_STATIC_ASSERT(offsetof(struct bh_boot_info, blocks) == 536, "blocks");
BH_STATIC_ASSERT(offsetof(struct bh_boot_info, block_count) == 544, "block_count");
BH_STATIC_ASSERT(sizeof(struct bh_block_info) == 56, "bh_block_info");
BH_STATIC_ASSERT(offsetof(struct bh_block_info, writable) == 48, "writable");
BH_STATIC_ASSERT(sizeof(struct bh_limits) == 32, "bh_limits");
BH_STATIC_ASSERT(sizeof(struct bh_schedule) == 64, "bh_schedule");

#ifdef __cplusplus
}
#endif

#endif
