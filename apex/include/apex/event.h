/* APEX events: a condition that processes wait for, up or down. */
#ifndef APEX_EVENT
#define APEX_EVENT

#include <apex/process.h>
#include <apex/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MAX_NUMBER_OF_EVENTS SYSTEM_LIMIT_NUMBER_OF_EVENTS

typedef NAME_TYPE EVENT_NAME_TYPE;
typedef APEX_INTEGER EVENT_ID_TYPE;

typedef enum { DOWN = 0, UP = 1 } EVENT_STATE_TYPE;

typedef struct {
    EVENT_STATE_TYPE EVENT_STATE;
    WAITING_RANGE_TYPE WAITING_PROCESSES;
} EVENT_STATUS_TYPE;

/* Creates an event, down.
 * Context: init.
 * Codes: INVALID_CONFIG (limit reached), NO_ACTION (the name is taken), INVALID_MODE (in NORMAL). */
void CREATE_EVENT(
    /*in */ const char *EVENT_NAME,
    /*out*/ EVENT_ID_TYPE *EVENT_ID,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Puts an event up, and releases every process that waits for it.
 * Context: any. Codes: INVALID_PARAM (no such event). */
void SET_EVENT(
    /*in */ EVENT_ID_TYPE EVENT_ID,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Puts an event down.
 * Context: any. Codes: INVALID_PARAM (no such event). */
void RESET_EVENT(
    /*in */ EVENT_ID_TYPE EVENT_ID,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Waits until an event is up, for TIME_OUT at most.
 * Context: any, but see INVALID_MODE.
 * Codes: INVALID_PARAM (no such event, or time out of range), NOT_AVAILABLE (down, and TIME_OUT is 0), INVALID_MODE (it
 * would wait, but preemption is locked, a mutex is held, or it is the error handler or start-up), TIMED_OUT. */
void WAIT_EVENT(
    /*in */ EVENT_ID_TYPE EVENT_ID,
    /*in */ SYSTEM_TIME_TYPE TIME_OUT,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* The identifier of the event of a name.
 * Context: any. Codes: INVALID_CONFIG (no such name). */
void GET_EVENT_ID(
    /*in */ const char *EVENT_NAME,
    /*out*/ EVENT_ID_TYPE *EVENT_ID,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* An event's status.
 * Context: any. Codes: INVALID_PARAM (no such event). */
void GET_EVENT_STATUS(
    /*in */ EVENT_ID_TYPE EVENT_ID,
    /*out*/ EVENT_STATUS_TYPE *EVENT_STATUS,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

#ifdef __cplusplus
}
#endif

#endif
