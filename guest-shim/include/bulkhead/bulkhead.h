/* What a Bulkhead guest in C may call. Link libbulkhead_shim.a:
 *
 *     gcc -O2 -ffreestanding -I guest-shim/include guest.c -static -no-pie -nostdlib libbulkhead_shim.a -o guest.elf
 *
 * The guest defines `int main(int argc, char **argv)`; argv[0] is the partition's name, and the result is the
 * partition's exit status (0 means well). There is no C library. None of these functions makes a system call unless its
 * description says so.
 */
#ifndef BULKHEAD_H
#define BULKHEAD_H

#include <stdbool.h>

#include <bulkhead/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The boot information: name, memory, windows. Never null; read-only. */
const struct bh_boot_info *bh_boot_info(void);

/* Writes at most `size` bytes to the console; returns how many there was room for. Never waits. */
size_t bh_console_write(const void *data, size_t size);

/* Reads at most `size` bytes that were typed; returns how many there were. Never waits. */
size_t bh_console_read(void *data, size_t size);

/* Prints a string. Where the console's ring (64 KiB) is full it gives windows back until there is room; after 1000
 * windows without any it drops the rest, which the supervisor reports. */
void bh_print(const char *text);

/* Likewise for bytes. */
void bh_print_bytes(const void *data, size_t size);

/* Module time in nanoseconds: the host's CLOCK_MONOTONIC. It also runs outside the partition's windows. */
uint64_t bh_now_ns(void);

/* Wall clock in nanoseconds since 1970-01-01 00:00 UTC. */
int64_t bh_wall_ns(void);

/* Whether time is virtual (`bulkhead run --virtual`): then every run is to be the same, so that what a guest would draw from the
 * processor's generators has to come from elsewhere, such as from the clock. Costs a load. */
bool bh_time_is_virtual(void);

/* The processor's time-stamp counter; in virtual time, nanoseconds. Other than an rdtsc of the guest's own it does not slow a virtual
 * run down: a guest without that instruction need not be kept from it. */
uint64_t bh_counter(void);

/* Module time at which the first major frame began, in nanoseconds. */
uint64_t bh_epoch_ns(void);

/* Windows of this partition that have begun since its start, modulo 2^32; the first is number 1. */
uint32_t bh_window_count(void);

/* Gives the rest of the window back and returns in the next one. One system call (futex). */
void bh_yield(void);

/* Ends the partition with `status` (0 to 255), after waiting for its output to be fetched. */
__attribute__((noreturn)) void bh_halt(int status);

#ifdef __cplusplus
}
#endif

#endif
