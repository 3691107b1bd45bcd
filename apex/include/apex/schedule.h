/* APEX Part 2, multiple module schedules. */
#ifndef APEX_MODULE_SCHEDULES
#define APEX_MODULE_SCHEDULES

#include <apex/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef NAME_TYPE SCHEDULE_NAME_TYPE;
typedef APEX_INTEGER SCHEDULE_ID_TYPE;

typedef struct {
    SYSTEM_TIME_TYPE TIME_OF_LAST_SCHEDULE_SWITCH; /* module time; 0 before the first */
    SCHEDULE_ID_TYPE CURRENT_SCHEDULE;
    SCHEDULE_ID_TYPE NEXT_SCHEDULE; /* from the next major frame on */
} SCHEDULE_STATUS_TYPE;

/* Asks for another schedule, from the next major frame on. The last of several requests in a frame counts.
 * Context: any.
 * Codes: INVALID_PARAM (no such schedule), INVALID_CONFIG (the partition has no permission), NO_ACTION (it is the
 * current one, and no other was asked for). */
void SET_MODULE_SCHEDULE(
    /*in */ SCHEDULE_ID_TYPE SCHEDULE_ID,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* The current schedule and the next.
 * Context: any. Codes: none. */
void GET_MODULE_SCHEDULE_STATUS(
    /*out*/ SCHEDULE_STATUS_TYPE *SCHEDULE_STATUS,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* The identifier of the schedule of a name.
 * Context: any. Codes: INVALID_CONFIG (no such name). */
void GET_MODULE_SCHEDULE_ID(
    /*in */ const char *SCHEDULE_NAME,
    /*out*/ SCHEDULE_ID_TYPE *SCHEDULE_ID,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

#ifdef __cplusplus
}
#endif

#endif
