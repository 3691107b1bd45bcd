/* APEX counting semaphores. */
#ifndef APEX_SEMAPHORE
#define APEX_SEMAPHORE

#include <apex/process.h>
#include <apex/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MAX_NUMBER_OF_SEMAPHORES SYSTEM_LIMIT_NUMBER_OF_SEMAPHORES
#define MAX_SEMAPHORE_VALUE 32767

typedef NAME_TYPE SEMAPHORE_NAME_TYPE;
typedef APEX_INTEGER SEMAPHORE_ID_TYPE;
typedef APEX_INTEGER SEMAPHORE_VALUE_TYPE;

typedef struct {
    SEMAPHORE_VALUE_TYPE CURRENT_VALUE;
    SEMAPHORE_VALUE_TYPE MAXIMUM_VALUE;
    WAITING_RANGE_TYPE WAITING_PROCESSES;
} SEMAPHORE_STATUS_TYPE;

/* Creates a semaphore. QUEUING_DISCIPLINE orders the processes that wait at it.
 * Context: init.
 * Codes: INVALID_CONFIG (limit reached), NO_ACTION (the name is taken), INVALID_PARAM (current value negative or over
 * the maximum; maximum below 0 or over MAX_SEMAPHORE_VALUE; discipline), INVALID_MODE (in NORMAL). */
void CREATE_SEMAPHORE(
    /*in */ const char *SEMAPHORE_NAME,
    /*in */ SEMAPHORE_VALUE_TYPE CURRENT_VALUE,
    /*in */ SEMAPHORE_VALUE_TYPE MAXIMUM_VALUE,
    /*in */ QUEUING_DISCIPLINE_TYPE QUEUING_DISCIPLINE,
    /*out*/ SEMAPHORE_ID_TYPE *SEMAPHORE_ID,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Takes one; waits while the value is 0, for TIME_OUT at most.
 * Context: any, but see INVALID_MODE.
 * Codes: INVALID_PARAM (no such semaphore, or time out of range), NOT_AVAILABLE (value 0, and TIME_OUT is 0),
 * INVALID_MODE (it would wait, but preemption is locked, a mutex is held, or it is the error handler or start-up),
 * TIMED_OUT. */
void WAIT_SEMAPHORE(
    /*in */ SEMAPHORE_ID_TYPE SEMAPHORE_ID,
    /*in */ SYSTEM_TIME_TYPE TIME_OUT,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Gives one to the first process that waits; if none does, adds it to the value.
 * Context: any. Codes: INVALID_PARAM (no such semaphore), NO_ACTION (the value is at its maximum). */
void SIGNAL_SEMAPHORE(
    /*in */ SEMAPHORE_ID_TYPE SEMAPHORE_ID,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* The identifier of the semaphore of a name.
 * Context: any. Codes: INVALID_CONFIG (no such name). */
void GET_SEMAPHORE_ID(
    /*in */ const char *SEMAPHORE_NAME,
    /*out*/ SEMAPHORE_ID_TYPE *SEMAPHORE_ID,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* A semaphore's status.
 * Context: any. Codes: INVALID_PARAM (no such semaphore). */
void GET_SEMAPHORE_STATUS(
    /*in */ SEMAPHORE_ID_TYPE SEMAPHORE_ID,
    /*out*/ SEMAPHORE_STATUS_TYPE *SEMAPHORE_STATUS,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

#ifdef __cplusplus
}
#endif

#endif
