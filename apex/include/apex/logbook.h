/* APEX Part 2, logbooks: the last messages that a partition wrote, which outlive its restarts. */
#ifndef APEX_LOGBOOK
#define APEX_LOGBOOK

#include <apex/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef NAME_TYPE LOGBOOK_NAME_TYPE;
typedef APEX_INTEGER LOGBOOK_ID_TYPE;

typedef enum { ABORTED = 0, IN_PROGRESS = 1, COMPLETE = 2 } WRITE_STATUS_TYPE;

typedef struct {
    MESSAGE_SIZE_TYPE MAX_MESSAGE_SIZE;
    MESSAGE_RANGE_TYPE MAX_NB_LOGGED_MESSAGES;
    MESSAGE_RANGE_TYPE MAX_NB_IN_PROGRESS_MESSAGES;
    MESSAGE_RANGE_TYPE NB_LOGGED_MESSAGES;
    MESSAGE_RANGE_TYPE NB_IN_PROGRESS_MESSAGES;
    MESSAGE_RANGE_TYPE NB_ABORTED_MESSAGES;
} LOGBOOK_STATUS_TYPE;

/* Creates a logbook; after a warm start it goes on with the messages that it had, if the partition creates its objects in the
 * same order as before.
 * Context: init.
 * Codes: INVALID_CONFIG (limit reached, no memory, or a size out of range), NO_ACTION (created already), INVALID_MODE (in
 * NORMAL). */
void CREATE_LOGBOOK(
    /*in */ const char *LOGBOOK_NAME,
    /*in */ MESSAGE_SIZE_TYPE MAX_MESSAGE_SIZE,
    /*in */ MESSAGE_RANGE_TYPE MAX_NB_LOGGED_MESSAGES,
    /*in */ MESSAGE_RANGE_TYPE MAX_NB_IN_PROGRESS_MESSAGES,
    /*out*/ LOGBOOK_ID_TYPE *LOGBOOK_ID,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Adds a message; the oldest goes where the logbook is full.
 * Context: any.
 * Codes: INVALID_PARAM (no such logbook, or a length of 0 or less), INVALID_CONFIG (too long), NOT_AVAILABLE (too many
 * in progress). */
void WRITE_LOGBOOK(
    /*in */ LOGBOOK_ID_TYPE LOGBOOK_ID,
    /*in */ MESSAGE_ADDR_TYPE MESSAGE_ADDR,
    /*in */ MESSAGE_SIZE_TYPE LENGTH,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Replaces the newest message.
 * Context: any.
 * Codes: INVALID_PARAM (no such logbook, or a length of 0 or less), INVALID_CONFIG (too long), NOT_AVAILABLE (no
 * message to replace). */
void OVERWRITE_LOGBOOK(
    /*in */ LOGBOOK_ID_TYPE LOGBOOK_ID,
    /*in */ MESSAGE_ADDR_TYPE MESSAGE_ADDR,
    /*in */ MESSAGE_SIZE_TYPE LENGTH,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Copies a message to MESSAGE_ADDR: LOGBOOK_ENTRY 1 is the newest, 2 the one before.
 * Context: any. Codes: INVALID_PARAM (no such logbook or entry), NOT_AVAILABLE (empty). */
void READ_LOGBOOK(
    /*in */ LOGBOOK_ID_TYPE LOGBOOK_ID,
    /*in */ MESSAGE_RANGE_TYPE LOGBOOK_ENTRY,
    /*out*/ MESSAGE_ADDR_TYPE MESSAGE_ADDR,
    /*out*/ MESSAGE_SIZE_TYPE *LENGTH,
    /*out*/ WRITE_STATUS_TYPE *WRITE_STATUS,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Throws all messages away.
 * Context: any. Codes: INVALID_PARAM (no such logbook). */
void CLEAR_LOGBOOK(
    /*in */ LOGBOOK_ID_TYPE LOGBOOK_ID,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* The identifier of the logbook of a name.
 * Context: any. Codes: INVALID_CONFIG (no such logbook). */
void GET_LOGBOOK_ID(
    /*in */ const char *LOGBOOK_NAME,
    /*out*/ LOGBOOK_ID_TYPE *LOGBOOK_ID,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* A logbook's status.
 * Context: any. Codes: INVALID_PARAM (no such logbook). */
void GET_LOGBOOK_STATUS(
    /*in */ LOGBOOK_ID_TYPE LOGBOOK_ID,
    /*out*/ LOGBOOK_STATUS_TYPE *LOGBOOK_STATUS,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

#ifdef __cplusplus
}
#endif

#endif
