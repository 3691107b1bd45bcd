/* APEX buffers: queues of messages between the processes of a partition. */
#ifndef APEX_BUFFER
#define APEX_BUFFER

#include <apex/process.h>
#include <apex/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MAX_NUMBER_OF_BUFFERS SYSTEM_LIMIT_NUMBER_OF_BUFFERS

typedef NAME_TYPE BUFFER_NAME_TYPE;
typedef APEX_INTEGER BUFFER_ID_TYPE;

typedef struct {
    MESSAGE_RANGE_TYPE NB_MESSAGE;
    MESSAGE_RANGE_TYPE MAX_NB_MESSAGE;
    MESSAGE_SIZE_TYPE MAX_MESSAGE_SIZE;
    WAITING_RANGE_TYPE WAITING_PROCESSES;
} BUFFER_STATUS_TYPE;

/* Creates a buffer. QUEUING_DISCIPLINE orders the processes that wait at it.
 * Context: init.
 * Codes: INVALID_CONFIG (limit reached, or no memory), NO_ACTION (the name is taken), INVALID_PARAM (size, number or
 * discipline), INVALID_MODE (in NORMAL). */
void CREATE_BUFFER(
    /*in */ const char *BUFFER_NAME,
    /*in */ MESSAGE_SIZE_TYPE MAX_MESSAGE_SIZE,
    /*in */ MESSAGE_RANGE_TYPE MAX_NB_MESSAGE,
    /*in */ QUEUING_DISCIPLINE_TYPE QUEUING_DISCIPLINE,
    /*out*/ BUFFER_ID_TYPE *BUFFER_ID,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Sends a message; waits while the buffer is full, for TIME_OUT at most. Where a process waits to receive, the message
 * goes straight to it.
 * Context: any, but see INVALID_MODE.
 * Codes: INVALID_PARAM (no such buffer, a length of 0 or less or too long, or time out of range), NOT_AVAILABLE (full,
 * and TIME_OUT is 0), INVALID_MODE (it would wait, but preemption is locked, a mutex is held, or it is the error handler
 * or start-up), TIMED_OUT. */
void SEND_BUFFER(
    /*in */ BUFFER_ID_TYPE BUFFER_ID,
    /*in */ MESSAGE_ADDR_TYPE MESSAGE_ADDR,
    /*in */ MESSAGE_SIZE_TYPE LENGTH,
    /*in */ SYSTEM_TIME_TYPE TIME_OUT,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Takes the oldest message to MESSAGE_ADDR, which has room for the buffer's largest; waits while there is none, for
 * TIME_OUT at most. The message of the first process that waits to send moves in.
 * Context: any, but see INVALID_MODE.
 * Codes: INVALID_PARAM (no such buffer, or time out of range), NOT_AVAILABLE (empty, and TIME_OUT is 0), INVALID_MODE
 * (it would wait, but preemption is locked, a mutex is held, or it is the error handler or start-up), TIMED_OUT; with
 * these but INVALID_PARAM, LENGTH is 0. */
void RECEIVE_BUFFER(
    /*in */ BUFFER_ID_TYPE BUFFER_ID,
    /*in */ SYSTEM_TIME_TYPE TIME_OUT,
    /*out*/ MESSAGE_ADDR_TYPE MESSAGE_ADDR,
    /*out*/ MESSAGE_SIZE_TYPE *LENGTH,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* The identifier of the buffer of a name.
 * Context: any. Codes: INVALID_CONFIG (no such name). */
void GET_BUFFER_ID(
    /*in */ const char *BUFFER_NAME,
    /*out*/ BUFFER_ID_TYPE *BUFFER_ID,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* A buffer's status.
 * Context: any. Codes: INVALID_PARAM (no such buffer). */
void GET_BUFFER_STATUS(
    /*in */ BUFFER_ID_TYPE BUFFER_ID,
    /*out*/ BUFFER_STATUS_TYPE *BUFFER_STATUS,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

#ifdef __cplusplus
}
#endif

#endif
