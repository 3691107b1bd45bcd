/* APEX blackboards: one message for all processes of a partition to read, until it is replaced or cleared. */
#ifndef APEX_BLACKBOARD
#define APEX_BLACKBOARD

#include <apex/process.h>
#include <apex/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MAX_NUMBER_OF_BLACKBOARDS SYSTEM_LIMIT_NUMBER_OF_BLACKBOARDS

typedef NAME_TYPE BLACKBOARD_NAME_TYPE;
typedef APEX_INTEGER BLACKBOARD_ID_TYPE;

typedef enum { EMPTY = 0, OCCUPIED = 1 } EMPTY_INDICATOR_TYPE;

typedef struct {
    EMPTY_INDICATOR_TYPE EMPTY_INDICATOR;
    MESSAGE_SIZE_TYPE MAX_MESSAGE_SIZE;
    WAITING_RANGE_TYPE WAITING_PROCESSES;
} BLACKBOARD_STATUS_TYPE;

/* Creates a blackboard, empty.
 * Context: init.
 * Codes: INVALID_CONFIG (limit reached, or no memory), NO_ACTION (the name is taken), INVALID_PARAM (size),
 * INVALID_MODE (in NORMAL). */
void CREATE_BLACKBOARD(
    /*in */ const char *BLACKBOARD_NAME,
    /*in */ MESSAGE_SIZE_TYPE MAX_MESSAGE_SIZE,
    /*out*/ BLACKBOARD_ID_TYPE *BLACKBOARD_ID,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Replaces the message, and releases every process that waits for one.
 * Context: any. Codes: INVALID_PARAM (no such blackboard, or a length of 0 or less or too long). */
void DISPLAY_BLACKBOARD(
    /*in */ BLACKBOARD_ID_TYPE BLACKBOARD_ID,
    /*in */ MESSAGE_ADDR_TYPE MESSAGE_ADDR,
    /*in */ MESSAGE_SIZE_TYPE LENGTH,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Copies the message to MESSAGE_ADDR, which has room for the blackboard's largest; waits while there is none, for
 * TIME_OUT at most.
 * Context: any, but see INVALID_MODE.
 * Codes: INVALID_PARAM (no such blackboard, or time out of range), NOT_AVAILABLE (empty, and TIME_OUT is 0),
 * INVALID_MODE (it would wait, but preemption is locked, a mutex is held, or it is the error handler or start-up),
 * TIMED_OUT; with these but INVALID_PARAM, LENGTH is 0. */
void READ_BLACKBOARD(
    /*in */ BLACKBOARD_ID_TYPE BLACKBOARD_ID,
    /*in */ SYSTEM_TIME_TYPE TIME_OUT,
    /*out*/ MESSAGE_ADDR_TYPE MESSAGE_ADDR,
    /*out*/ MESSAGE_SIZE_TYPE *LENGTH,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Takes the message away.
 * Context: any. Codes: INVALID_PARAM (no such blackboard). */
void CLEAR_BLACKBOARD(
    /*in */ BLACKBOARD_ID_TYPE BLACKBOARD_ID,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* The identifier of the blackboard of a name.
 * Context: any. Codes: INVALID_CONFIG (no such name). */
void GET_BLACKBOARD_ID(
    /*in */ const char *BLACKBOARD_NAME,
    /*out*/ BLACKBOARD_ID_TYPE *BLACKBOARD_ID,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* A blackboard's status.
 * Context: any. Codes: INVALID_PARAM (no such blackboard). */
void GET_BLACKBOARD_STATUS(
    /*in */ BLACKBOARD_ID_TYPE BLACKBOARD_ID,
    /*out*/ BLACKBOARD_STATUS_TYPE *BLACKBOARD_STATUS,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

#ifdef __cplusplus
}
#endif

#endif
