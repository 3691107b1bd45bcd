/* APEX time management. */
#ifndef APEX_TIME
#define APEX_TIME

#include <apex/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Waits for DELAY_TIME. 0 goes behind the others of the caller's priority.
 * Context: process.
 * Codes: INVALID_MODE (preemption is locked or a mutex held, or the error handler), INVALID_PARAM (negative, or beyond
 * the range of time). */
void TIMED_WAIT(
    /*in */ SYSTEM_TIME_TYPE DELAY_TIME,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Waits for the next release: the previous one and a period. Its deadline is that instant and the time capacity.
 * Context: periodic process.
 * Codes: INVALID_MODE (preemption is locked or a mutex held, the error handler, or an aperiodic process),
 * INVALID_CONFIG (the deadline is beyond the range of time). */
void PERIODIC_WAIT(
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Module time, which also passes outside the partition's windows.
 * Context: any. Codes: none. */
void GET_TIME(
    /*out*/ SYSTEM_TIME_TYPE *SYSTEM_TIME,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Moves the caller's deadline to BUDGET_TIME from now; INFINITE_TIME_VALUE takes it off.
 * Context: process.
 * Codes: NO_ACTION (the error handler, or not in NORMAL), INVALID_MODE (a periodic process' deadline would be behind
 * its next release), INVALID_PARAM (time out of range). */
void REPLENISH(
    /*in */ SYSTEM_TIME_TYPE BUDGET_TIME,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

#ifdef __cplusplus
}
#endif

#endif
