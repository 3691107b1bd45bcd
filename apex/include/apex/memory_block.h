/* APEX Part 2, memory blocks: ranges of memory that the configuration gives a partition. */
#ifndef APEX_MEMORY_BLOCK
#define APEX_MEMORY_BLOCK

#include <apex/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef NAME_TYPE MEMORY_BLOCK_NAME_TYPE;
typedef APEX_INTEGER MEMORY_BLOCK_SIZE_TYPE; /* bytes */
typedef APEX_BYTE *MEMORY_BLOCK_ADDR_TYPE;

typedef enum { READ = 0, READ_WRITE = 1 } MEMORY_BLOCK_MODE_TYPE;

typedef struct {
    MEMORY_BLOCK_ADDR_TYPE MEMORY_BLOCK_ADDR;
    MEMORY_BLOCK_MODE_TYPE MEMORY_BLOCK_MODE;
    MEMORY_BLOCK_SIZE_TYPE MEMORY_BLOCK_SIZE;
} MEMORY_BLOCK_STATUS_TYPE;

/* Where a memory block is, how large, and how it may be used. It is at the same address in every partition that has it, and
 * keeps its contents across restarts of partitions; a restart of the module zeroes it.
 * Context: any. Codes: INVALID_CONFIG (no such name). */
void GET_MEMORY_BLOCK_STATUS(
    /*in */ const char *MEMORY_BLOCK_NAME,
    /*out*/ MEMORY_BLOCK_STATUS_TYPE *MEMORY_BLOCK_STATUS,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

#ifdef __cplusplus
}
#endif

#endif
