/* APEX Part 2, sampling port extensions: whether a message is new, and when it was written. */
#ifndef APEX_SAMPLING_EXTENSION
#define APEX_SAMPLING_EXTENSION

#include <apex/sampling.h>
#include <apex/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    EMPTY_PORT = 0,       /* nothing was written yet */
    CONSUMED_MESSAGE = 1, /* the message was read before */
    NEW_MESSAGE = 2
} UPDATED_TYPE;

/* Older than the refresh period, or not. */
typedef enum { STALE = 0, FRESH = 1 } AGE_TYPE;

typedef struct {
    SYSTEM_TIME_TYPE REFRESH_PERIOD;
    SYSTEM_TIME_TYPE TIME_STAMP; /* of the message; 0 if the port is empty */
    MESSAGE_SIZE_TYPE MAX_MESSAGE_SIZE;
    PORT_DIRECTION_TYPE PORT_DIRECTION;
    AGE_TYPE MESSAGE_AGE;
    UPDATED_TYPE UPDATED;
} SAMPLING_PORT_CURRENT_STATUS_TYPE;

/* Reads the message if it was not read before. UPDATED says whether it was.
 * Context: any.
 * Codes: INVALID_PARAM (no such port), INVALID_MODE (the port is a source), NO_ACTION (empty, or read before; LENGTH is
 * 0 and UPDATED tells which). */
void READ_UPDATED_SAMPLING_MESSAGE(
    /*in */ SAMPLING_PORT_ID_TYPE SAMPLING_PORT_ID,
    /*out*/ MESSAGE_ADDR_TYPE MESSAGE_ADDR,
    /*out*/ MESSAGE_SIZE_TYPE *LENGTH,
    /*out*/ UPDATED_TYPE *UPDATED,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* A port's status now, without reading the message.
 * Context: any. Codes: INVALID_PARAM (no such port). */
void GET_SAMPLING_PORT_CURRENT_STATUS(
    /*in */ SAMPLING_PORT_ID_TYPE SAMPLING_PORT_ID,
    /*out*/ SAMPLING_PORT_CURRENT_STATUS_TYPE *SAMPLING_PORT_CURRENT_STATUS,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Reads the message if it was written after REF_TIME_STAMP. TIME_STAMP says when.
 * Context: any.
 * Codes: INVALID_PARAM (no such port), INVALID_MODE (the port is a source), NO_ACTION (empty, or not newer; LENGTH is
 * 0). */
void READ_SAMPLING_MESSAGE_CONDITIONAL(
    /*in */ SAMPLING_PORT_ID_TYPE SAMPLING_PORT_ID,
    /*in */ SYSTEM_TIME_TYPE REF_TIME_STAMP,
    /*out*/ MESSAGE_ADDR_TYPE MESSAGE_ADDR,
    /*out*/ MESSAGE_SIZE_TYPE *LENGTH,
    /*out*/ SYSTEM_TIME_TYPE *TIME_STAMP,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

#ifdef __cplusplus
}
#endif

#endif
