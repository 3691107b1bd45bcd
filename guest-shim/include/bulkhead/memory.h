/* Memory blocks: memory of the module that the configuration gives to several partitions by name.
 *
 * A block lies at the same address in every partition that has it, so addresses within it can be passed on. A write by a
 * partition that may only read is a memory violation. Contents outlive every restart of a partition, warm or cold; a restart of
 * the module zeroes them. Nothing is synchronised: use atomic operations, and believe nothing that another partition
 * may have written.
 */
#ifndef BULKHEAD_MEMORY_H
#define BULKHEAD_MEMORY_H

#include <bulkhead/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The partition's memory block of this name, or null if the configuration gives it none. Read-only, valid until the
 * partition's end. Any context. */
const struct bh_block_info *bh_memory_block_find(const char *name);

/* The partition's memory block with this number, from 0 in the order of the configuration, or null. */
const struct bh_block_info *bh_memory_block_at(uint32_t index);

#ifdef __cplusplus
}
#endif

#endif
