/* APEX sampling ports: the last message of a channel, with its age. */
#ifndef APEX_SAMPLING
#define APEX_SAMPLING

#include <apex/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MAX_NUMBER_OF_SAMPLING_PORTS SYSTEM_LIMIT_NUMBER_OF_SAMPLING_PORTS

typedef NAME_TYPE SAMPLING_PORT_NAME_TYPE;
typedef APEX_INTEGER SAMPLING_PORT_ID_TYPE;

typedef enum { INVALID = 0, VALID = 1 } VALIDITY_TYPE;

typedef struct {
    SYSTEM_TIME_TYPE REFRESH_PERIOD;
    MESSAGE_SIZE_TYPE MAX_MESSAGE_SIZE;
    PORT_DIRECTION_TYPE PORT_DIRECTION;
    VALIDITY_TYPE LAST_MSG_VALIDITY; /* of the last message read; INVALID before the first */
} SAMPLING_PORT_STATUS_TYPE;

/* Opens a sampling port of the configuration.
 * Context: init.
 * Codes: INVALID_CONFIG (not in the configuration, or size, direction or refresh period differ from it), NO_ACTION (open
 * already), INVALID_MODE (in NORMAL). */
void CREATE_SAMPLING_PORT(
    /*in */ const char *SAMPLING_PORT_NAME,
    /*in */ MESSAGE_SIZE_TYPE MAX_MESSAGE_SIZE,
    /*in */ PORT_DIRECTION_TYPE PORT_DIRECTION,
    /*in */ SYSTEM_TIME_TYPE REFRESH_PERIOD,
    /*out*/ SAMPLING_PORT_ID_TYPE *SAMPLING_PORT_ID,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Replaces the channel's message.
 * Context: any.
 * Codes: INVALID_PARAM (no such port, or a length of 0 or less), INVALID_CONFIG (too long), INVALID_MODE (the port is a
 * destination). */
void WRITE_SAMPLING_MESSAGE(
    /*in */ SAMPLING_PORT_ID_TYPE SAMPLING_PORT_ID,
    /*in */ MESSAGE_ADDR_TYPE MESSAGE_ADDR,
    /*in */ MESSAGE_SIZE_TYPE LENGTH,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Copies the channel's message to MESSAGE_ADDR, which has room for the port's largest. VALIDITY says whether it is no
 * older than the refresh period; an older one is returned all the same.
 * Context: any.
 * Codes: INVALID_PARAM (no such port), INVALID_MODE (the port is a source), NO_ACTION (nothing was written yet; LENGTH
 * is 0 and VALIDITY is INVALID). */
void READ_SAMPLING_MESSAGE(
    /*in */ SAMPLING_PORT_ID_TYPE SAMPLING_PORT_ID,
    /*out*/ MESSAGE_ADDR_TYPE MESSAGE_ADDR,
    /*out*/ MESSAGE_SIZE_TYPE *LENGTH,
    /*out*/ VALIDITY_TYPE *VALIDITY,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* The identifier of the open port of a name.
 * Context: any. Codes: INVALID_CONFIG (no such open port). */
void GET_SAMPLING_PORT_ID(
    /*in */ const char *SAMPLING_PORT_NAME,
    /*out*/ SAMPLING_PORT_ID_TYPE *SAMPLING_PORT_ID,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* A port's status.
 * Context: any. Codes: INVALID_PARAM (no such port). */
void GET_SAMPLING_PORT_STATUS(
    /*in */ SAMPLING_PORT_ID_TYPE SAMPLING_PORT_ID,
    /*out*/ SAMPLING_PORT_STATUS_TYPE *SAMPLING_PORT_STATUS,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

#ifdef __cplusplus
}
#endif

#endif
