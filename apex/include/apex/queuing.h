/* APEX queuing ports: every message of a channel, in order. */
#ifndef APEX_QUEUING
#define APEX_QUEUING

#include <apex/process.h>
#include <apex/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MAX_NUMBER_OF_QUEUING_PORTS SYSTEM_LIMIT_NUMBER_OF_QUEUING_PORTS

typedef NAME_TYPE QUEUING_PORT_NAME_TYPE;
typedef APEX_INTEGER QUEUING_PORT_ID_TYPE;

typedef struct {
    MESSAGE_RANGE_TYPE NB_MESSAGE;
    MESSAGE_RANGE_TYPE MAX_NB_MESSAGE;
    MESSAGE_SIZE_TYPE MAX_MESSAGE_SIZE;
    PORT_DIRECTION_TYPE PORT_DIRECTION;
    WAITING_RANGE_TYPE WAITING_PROCESSES;
} QUEUING_PORT_STATUS_TYPE;

/* Opens a queuing port of the configuration. QUEUING_DISCIPLINE orders the processes that wait at it.
 * Context: init.
 * Codes: INVALID_CONFIG (not in the configuration, or sizes or direction differ from it), NO_ACTION (open already),
 * INVALID_PARAM (no such discipline), INVALID_MODE (in NORMAL). */
void CREATE_QUEUING_PORT(
    /*in */ const char *QUEUING_PORT_NAME,
    /*in */ MESSAGE_SIZE_TYPE MAX_MESSAGE_SIZE,
    /*in */ MESSAGE_RANGE_TYPE MAX_NB_MESSAGE,
    /*in */ PORT_DIRECTION_TYPE PORT_DIRECTION,
    /*in */ QUEUING_DISCIPLINE_TYPE QUEUING_DISCIPLINE,
    /*out*/ QUEUING_PORT_ID_TYPE *QUEUING_PORT_ID,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Sends a message; waits while the channel is full, for TIME_OUT at most.
 * Context: any, but see INVALID_MODE.
 * Codes: INVALID_PARAM (no such port, time out of range, or a length of 0 or less), INVALID_CONFIG (too long),
 * INVALID_MODE (the port is a destination), NOT_AVAILABLE (full, and TIME_OUT is 0), INVALID_MODE (it would wait, but
 * preemption is locked, a mutex is held, or it is the error handler), TIMED_OUT. */
void SEND_QUEUING_MESSAGE(
    /*in */ QUEUING_PORT_ID_TYPE QUEUING_PORT_ID,
    /*in */ MESSAGE_ADDR_TYPE MESSAGE_ADDR,
    /*in */ MESSAGE_SIZE_TYPE LENGTH,
    /*in */ SYSTEM_TIME_TYPE TIME_OUT,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Takes the oldest message to MESSAGE_ADDR, which has room for the port's largest; waits while there is none, for
 * TIME_OUT at most.
 * Context: any, but see INVALID_MODE.
 * Codes: INVALID_PARAM (no such port, or time out of range), INVALID_MODE (the port is a source), NOT_AVAILABLE (empty,
 * and TIME_OUT is 0), INVALID_MODE (it would wait, but preemption is locked, a mutex is held, or it is the error
 * handler), TIMED_OUT; with these LENGTH is 0. INVALID_CONFIG: messages were lost before; this one is whole. */
void RECEIVE_QUEUING_MESSAGE(
    /*in */ QUEUING_PORT_ID_TYPE QUEUING_PORT_ID,
    /*in */ SYSTEM_TIME_TYPE TIME_OUT,
    /*out*/ MESSAGE_ADDR_TYPE MESSAGE_ADDR,
    /*out*/ MESSAGE_SIZE_TYPE *LENGTH,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* The identifier of the open port of a name.
 * Context: any. Codes: INVALID_CONFIG (no such open port). */
void GET_QUEUING_PORT_ID(
    /*in */ const char *QUEUING_PORT_NAME,
    /*out*/ QUEUING_PORT_ID_TYPE *QUEUING_PORT_ID,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* A port's status.
 * Context: any. Codes: INVALID_PARAM (no such port). */
void GET_QUEUING_PORT_STATUS(
    /*in */ QUEUING_PORT_ID_TYPE QUEUING_PORT_ID,
    /*out*/ QUEUING_PORT_STATUS_TYPE *QUEUING_PORT_STATUS,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Throws away the messages that wait at a destination.
 * Context: any. Codes: INVALID_PARAM (no such port), INVALID_MODE (the port is a source). */
void CLEAR_QUEUING_PORT(
    /*in */ QUEUING_PORT_ID_TYPE QUEUING_PORT_ID,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

#ifdef __cplusplus
}
#endif

#endif
