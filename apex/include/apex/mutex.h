/* APEX mutexes: locks with a priority ceiling. The owner runs at the mutex' priority until it releases it. A process
 * holds one mutex at a time; the preemption lock counts as one. */
#ifndef APEX_MUTEX
#define APEX_MUTEX

#include <apex/process.h>
#include <apex/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MAX_NUMBER_OF_MUTEXES SYSTEM_LIMIT_NUMBER_OF_MUTEXES

typedef NAME_TYPE MUTEX_NAME_TYPE;
typedef APEX_INTEGER MUTEX_ID_TYPE;
typedef APEX_INTEGER LOCK_COUNT_TYPE;

#define NO_MUTEX_OWNED (-2)
#define PREEMPTION_LOCK_MUTEX (-3)

typedef enum { AVAILABLE = 0, OWNED = 1 } MUTEX_STATE_TYPE;

typedef struct {
    PROCESS_ID_TYPE MUTEX_OWNER; /* NULL_PROCESS_ID if it is available */
    MUTEX_STATE_TYPE MUTEX_STATE;
    PRIORITY_TYPE MUTEX_PRIORITY;
    LOCK_COUNT_TYPE LOCK_COUNT;
    WAITING_RANGE_TYPE WAITING_PROCESSES;
} MUTEX_STATUS_TYPE;

/* Creates a mutex. QUEUING_DISCIPLINE orders the processes that wait at it.
 * Context: init.
 * Codes: INVALID_CONFIG (limit reached), NO_ACTION (the name is taken), INVALID_PARAM (priority or discipline),
 * INVALID_MODE (in NORMAL). */
void CREATE_MUTEX(
    /*in */ const char *MUTEX_NAME,
    /*in */ PRIORITY_TYPE MUTEX_PRIORITY,
    /*in */ QUEUING_DISCIPLINE_TYPE QUEUING_DISCIPLINE,
    /*out*/ MUTEX_ID_TYPE *MUTEX_ID,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Acquires a mutex, or once more the one that the caller owns; waits while another owns it, for TIME_OUT at most.
 * Context: process.
 * Codes: INVALID_PARAM (no such mutex, PREEMPTION_LOCK_MUTEX, or time out of range), INVALID_MODE (the caller holds
 * another mutex or the preemption lock, is the error handler, or has a priority above the mutex'), INVALID_CONFIG (lock
 * count at MAX_LOCK_LEVEL), NOT_AVAILABLE (owned, and TIME_OUT is 0), TIMED_OUT. */
void ACQUIRE_MUTEX(
    /*in */ MUTEX_ID_TYPE MUTEX_ID,
    /*in */ SYSTEM_TIME_TYPE TIME_OUT,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Takes back one ACQUIRE_MUTEX; the last gives the mutex to the first process that waits.
 * Context: process. Codes: INVALID_PARAM (no such mutex, or PREEMPTION_LOCK_MUTEX), INVALID_MODE (the caller is not the
 * owner). */
void RELEASE_MUTEX(
    /*in */ MUTEX_ID_TYPE MUTEX_ID,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Takes a mutex from the process that owns it, whatever its lock count.
 * Context: any.
 * Codes: INVALID_PARAM (no such mutex, PREEMPTION_LOCK_MUTEX, or no such process), INVALID_MODE (the process is not the
 * owner). */
void RESET_MUTEX(
    /*in */ MUTEX_ID_TYPE MUTEX_ID,
    /*in */ PROCESS_ID_TYPE PROCESS_ID,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* The identifier of the mutex of a name.
 * Context: any. Codes: INVALID_CONFIG (no such name). */
void GET_MUTEX_ID(
    /*in */ const char *MUTEX_NAME,
    /*out*/ MUTEX_ID_TYPE *MUTEX_ID,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* A mutex' status.
 * Context: any. Codes: INVALID_PARAM (no such mutex). */
void GET_MUTEX_STATUS(
    /*in */ MUTEX_ID_TYPE MUTEX_ID,
    /*out*/ MUTEX_STATUS_TYPE *MUTEX_STATUS,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* The mutex that a process owns: its identifier, PREEMPTION_LOCK_MUTEX, or NO_MUTEX_OWNED.
 * Context: any. Codes: INVALID_PARAM (no such process). */
void GET_PROCESS_MUTEX_STATE(
    /*in */ PROCESS_ID_TYPE PROCESS_ID,
    /*out*/ MUTEX_ID_TYPE *MUTEX_ID,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

#ifdef __cplusplus
}
#endif

#endif
