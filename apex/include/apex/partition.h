/* APEX partition management: what a partition is and the mode it is in. */
#ifndef APEX_PARTITION
#define APEX_PARTITION

#include <apex/process.h>
#include <apex/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MAX_NUMBER_OF_PARTITIONS SYSTEM_LIMIT_NUMBER_OF_PARTITIONS

typedef APEX_INTEGER PARTITION_ID_TYPE;
typedef APEX_UNSIGNED NUM_CORES_TYPE;

typedef enum { IDLE = 0, COLD_START = 1, WARM_START = 2, NORMAL = 3 } OPERATING_MODE_TYPE;

/* Why the partition was started. */
typedef enum {
    NORMAL_START = 0,        /* with the module */
    PARTITION_RESTART = 1,   /* it asked for it by SET_PARTITION_MODE */
    HM_MODULE_RESTART = 2,   /* the health monitor restarted the module */
    HM_PARTITION_RESTART = 3 /* the health monitor restarted the partition */
} START_CONDITION_TYPE;

typedef struct {
    SYSTEM_TIME_TYPE PERIOD;   /* from one activation to the next */
    SYSTEM_TIME_TYPE DURATION; /* processor time in each period */
    PARTITION_ID_TYPE IDENTIFIER;
    LOCK_LEVEL_TYPE LOCK_LEVEL; /* of the preemption lock, 0 if it is free */
    OPERATING_MODE_TYPE OPERATING_MODE;
    START_CONDITION_TYPE START_CONDITION;
    NUM_CORES_TYPE NUM_ASSIGNED_CORES;
} PARTITION_STATUS_TYPE;

/* The partition's status.
 * Context: any. Codes: none. */
void GET_PARTITION_STATUS(
    /*out*/ PARTITION_STATUS_TYPE *PARTITION_STATUS,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Changes the partition's mode. NORMAL ends start-up: the processes that were started begin, and the main process does
 * not return. IDLE, COLD_START and WARM_START end the partition and never return when they are accepted.
 * Context: any.
 * Codes: INVALID_PARAM (no such mode), NO_ACTION (NORMAL in NORMAL), INVALID_MODE (WARM_START in COLD_START). */
void SET_PARTITION_MODE(
    /*in */ OPERATING_MODE_TYPE OPERATING_MODE,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

#ifdef __cplusplus
}
#endif

#endif
