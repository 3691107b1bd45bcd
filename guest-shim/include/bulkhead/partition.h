/* The partition's own life for Bulkhead guests: period, modes, health table, reports, restarts; and the module's schedules.
 *
 * "Any context" below means: from main, from an interrupt handler, masked or not. None of these functions makes a system call
 * unless its description says so.
 */
#ifndef BULKHEAD_PARTITION_H
#define BULKHEAD_PARTITION_H

#include <bulkhead/abi.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Longest message of a report or an error; what is longer is cut off. */
#define BH_MESSAGE_LEN 128

/* The partition's period, and the time that it has in each, in nanoseconds, in the schedule that the module starts with. Any
 * context. */
uint64_t bh_partition_period_ns(void);
uint64_t bh_partition_duration_ns(void);

/* Why (enum bh_start_condition) and how (enum bh_start_mode) the partition was started. Any context. */
uint32_t bh_partition_start_condition(void);
uint32_t bh_partition_start_mode(void);

/* How many objects of each kind the partition's executive may make. Never null; read-only. Any context. */
const struct bh_limits *bh_partition_limits(void);

/* What is done about an error code (enum bh_error_code). At process level the action is for a partition without an error
 * handler, and for an error of the handler itself. For a code that does not exist: partition, idle. Any context. */
struct bh_response bh_partition_health(uint32_t code);

/* Asks for another mode and ends: BH_MODE_IDLE stops the partition for good, BH_MODE_COLD_START and BH_MODE_WARM_START restart
 * it in place with BH_PARTITION_RESTART; anything else counts as a cold start. Restarts that come too thick are a crash storm.
 * Waits for the console's output to be fetched; then one system call (exit_group). */
__attribute__((noreturn)) void bh_partition_request_mode(uint32_t mode);

/* Hands an error to the health monitor and ends; the partition's table decides what happens then. With BH_ACTION_IGNORE the
 * partition stays without a process, so ask bh_partition_health first. `process` is the guest's own number of the process
 * that is to blame, or 0; `address` is where, or 0. A code that does not exist counts as BH_APPLICATION_ERROR. Waits for the
 * console's output to be fetched; then one system call (exit_group). */
__attribute__((noreturn)) void bh_partition_raise_error(uint32_t code, uint32_t process, uint64_t address,
                                                        const void *message, size_t size);

/* What a report tells. */
enum bh_report_kind {
    BH_REPORT_MESSAGE = 1, /* a message of the application; the code is free */
    BH_REPORT_ERROR = 2,   /* an error that the guest has dealt with; the code is an enum bh_error_code */
    BH_REPORT_MODE = 3     /* a mode that the partition has reached; the code is an enum bh_mode */
};

/* Reports something to the health monitor, which records and shows it. Returns false if there was no room, which is counted,
 * or no such kind. Any context. */
bool bh_partition_report(uint32_t kind, uint32_t code, uint32_t process, const void *message, size_t size);

/* Reports an error that the guest has dealt with, and where it happened. Likewise. */
bool bh_partition_report_error(uint32_t code, uint32_t process, uint64_t address, const void *message, size_t size);

/* The number of the schedule called `name`, from 0; -1 if there is none. All of them: bh_boot_info()->schedules. Any context. */
int32_t bh_schedule_find(const char *name);

/* The state of the schedules when the window began; a request of this very window counts as `next`. */
struct bh_schedule_status {
    uint32_t current;
    uint32_t next;     /* the current one if no change is on its way */
    uint32_t switches; /* changes so far, modulo 2^32 */
    uint32_t reserved;
    uint64_t last_switch_ns; /* module time, at the beginning of a major frame; 0 before the first change */
};
struct bh_schedule_status bh_schedule_status(void);

/* Asks for a schedule from the next possible major frame on; replaces what was asked for before and has not come about. The
 * supervisor learns of it at the end of the window. Returns 0; -1: there is no such schedule; -2: the configuration does not
 * let this partition change schedules. Any context. */
int bh_schedule_request(uint32_t number);

#ifdef __cplusplus
}
#endif

#endif
