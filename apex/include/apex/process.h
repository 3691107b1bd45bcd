/* APEX process management: the threads of control inside a partition. */
#ifndef APEX_PROCESS
#define APEX_PROCESS

#include <apex/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MAX_NUMBER_OF_PROCESSES SYSTEM_LIMIT_NUMBER_OF_PROCESSES

/* 1 is the lowest priority. */
#define MIN_PRIORITY_VALUE 1
#define MAX_PRIORITY_VALUE 239

#define MIN_LOCK_LEVEL 0
#define MAX_LOCK_LEVEL 16

typedef NAME_TYPE PROCESS_NAME_TYPE;
typedef APEX_INTEGER PROCESS_ID_TYPE;
typedef APEX_INTEGER PROCESS_INDEX_TYPE;
typedef APEX_INTEGER LOCK_LEVEL_TYPE;
typedef APEX_UNSIGNED STACK_SIZE_TYPE; /* bytes */
typedef APEX_INTEGER WAITING_RANGE_TYPE;
typedef APEX_INTEGER PRIORITY_TYPE;

#define NULL_PROCESS_ID 0    /* no process */
#define MAIN_PROCESS_ID (-1) /* the one that runs start-up */

typedef enum { DORMANT = 0, READY = 1, RUNNING = 2, WAITING = 3, FAULTED = 4 } PROCESS_STATE_TYPE;

typedef enum { SOFT = 0, HARD = 1 } DEADLINE_TYPE;

typedef struct {
    SYSTEM_TIME_TYPE PERIOD;         /* INFINITE_TIME_VALUE: aperiodic */
    SYSTEM_TIME_TYPE TIME_CAPACITY;  /* from release to deadline; INFINITE_TIME_VALUE: no deadline */
    SYSTEM_ADDRESS_TYPE ENTRY_POINT; /* void (*)(void); returning from it is STOP_SELF */
    STACK_SIZE_TYPE STACK_SIZE;
    PRIORITY_TYPE BASE_PRIORITY;
    DEADLINE_TYPE DEADLINE;
    PROCESS_NAME_TYPE NAME;
} PROCESS_ATTRIBUTE_TYPE;

typedef struct {
    SYSTEM_TIME_TYPE DEADLINE_TIME; /* module time; INFINITE_TIME_VALUE if there is none */
    PRIORITY_TYPE CURRENT_PRIORITY;
    PROCESS_STATE_TYPE PROCESS_STATE;
    PROCESS_ATTRIBUTE_TYPE ATTRIBUTES;
} PROCESS_STATUS_TYPE;

/* Creates a process, dormant.
 * Context: init.
 * Codes: INVALID_CONFIG (limit reached, or no memory for the stack), NO_ACTION (the name is taken), INVALID_PARAM
 * (stack size, priority, period, time capacity, or a time capacity longer than the period), INVALID_CONFIG (a period
 * that is no multiple of the partition's), INVALID_MODE (in NORMAL). */
void CREATE_PROCESS(
    /*in */ PROCESS_ATTRIBUTE_TYPE *ATTRIBUTES,
    /*out*/ PROCESS_ID_TYPE *PROCESS_ID,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Sets a process' current priority, behind others of the same; its base priority stays.
 * Context: any. Codes: INVALID_PARAM (no such process or priority), INVALID_MODE (it is dormant). */
void SET_PRIORITY(
    /*in */ PROCESS_ID_TYPE PROCESS_ID,
    /*in */ PRIORITY_TYPE PRIORITY,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Suspends the caller until RESUME or for TIME_OUT.
 * Context: process.
 * Codes: INVALID_MODE (preemption is locked or a mutex held, the error handler, a periodic process), INVALID_PARAM (time
 * out of range), TIMED_OUT (nobody resumed it). With a time-out of 0 it goes behind the others of its priority. */
void SUSPEND_SELF(
    /*in */ SYSTEM_TIME_TYPE TIME_OUT,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Suspends another process until RESUME.
 * Context: any.
 * Codes: INVALID_PARAM (no such process, or the caller itself), INVALID_MODE (dormant, periodic, faulted, or it owns a
 * mutex or the preemption lock, or waits for a mutex), NO_ACTION (suspended already). */
void SUSPEND(
    /*in */ PROCESS_ID_TYPE PROCESS_ID,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Ends a suspension. A process that also waits for something else goes on waiting.
 * Context: any.
 * Codes: INVALID_PARAM (no such process, or the caller itself), INVALID_MODE (dormant, or periodic), NO_ACTION (not
 * suspended). */
void RESUME(
    /*in */ PROCESS_ID_TYPE PROCESS_ID,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Makes the caller dormant, and gives back the preemption lock and mutex that it holds. In the error handler: the
 * process that failed goes on, unless it was stopped.
 * Context: process, handler. Does not return. */
void STOP_SELF(void);

/* Makes another process dormant; it loses its place in every queue, and what it holds.
 * Context: any. Codes: INVALID_PARAM (no such process, or the caller itself), NO_ACTION (dormant already). */
void STOP(
    /*in */ PROCESS_ID_TYPE PROCESS_ID,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Starts a dormant process from its entry point. In NORMAL, an aperiodic one is ready at once and a periodic one is
 * released at the partition's next period; before, both wait for NORMAL.
 * Context: any.
 * Codes: INVALID_PARAM (no such process), NO_ACTION (not dormant), INVALID_CONFIG (its deadline is out of range). */
void START(
    /*in */ PROCESS_ID_TYPE PROCESS_ID,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* As START, but DELAY_TIME later: after now, NORMAL, or the release of a periodic process.
 * Context: any.
 * Codes: INVALID_PARAM (no such process; delay negative or too long; for a periodic process not shorter than its
 * period), NO_ACTION (not dormant), INVALID_CONFIG (its deadline is out of range). */
void DELAYED_START(
    /*in */ PROCESS_ID_TYPE PROCESS_ID,
    /*in */ SYSTEM_TIME_TYPE DELAY_TIME,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Bars the partition's other processes, but not the error handler, from the processor. Nests.
 * Context: any.
 * Codes: NO_ACTION (the error handler, or not in NORMAL; LOCK_LEVEL is written), INVALID_CONFIG (at MAX_LOCK_LEVEL),
 * INVALID_MODE (the caller holds another mutex). */
void LOCK_PREEMPTION(
    /*out*/ LOCK_LEVEL_TYPE *LOCK_LEVEL,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Takes back one LOCK_PREEMPTION.
 * Context: any.
 * Codes: NO_ACTION (the error handler, not in NORMAL, or not locked; LOCK_LEVEL is written), INVALID_MODE (another
 * process holds the lock). */
void UNLOCK_PREEMPTION(
    /*out*/ LOCK_LEVEL_TYPE *LOCK_LEVEL,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* The caller's identifier; MAIN_PROCESS_ID in start-up.
 * Context: init, process. Codes: INVALID_MODE (the error handler). */
void GET_MY_ID(
    /*out*/ PROCESS_ID_TYPE *PROCESS_ID,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* The identifier of the process of a name.
 * Context: any. Codes: INVALID_CONFIG (no such name). */
void GET_PROCESS_ID(
    /*in */ const char *PROCESS_NAME,
    /*out*/ PROCESS_ID_TYPE *PROCESS_ID,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* A process' status.
 * Context: any. Codes: INVALID_PARAM (no such process). */
void GET_PROCESS_STATUS(
    /*in */ PROCESS_ID_TYPE PROCESS_ID,
    /*out*/ PROCESS_STATUS_TYPE *PROCESS_STATUS,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Binds a process to one of the partition's cores. A Bulkhead partition has one: number 0.
 * Context: init.
 * Codes: INVALID_PARAM (no such process), INVALID_CONFIG (no such core), INVALID_MODE (in NORMAL). */
void INITIALIZE_PROCESS_CORE_AFFINITY(
    /*in */ PROCESS_ID_TYPE PROCESS_ID,
    /*in */ PROCESSOR_CORE_ID_TYPE PROCESSOR_CORE_ID,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* The core, of the partition's, that the caller runs on.
 * Context: any. Codes: none. */
void GET_MY_PROCESSOR_CORE_ID(
    /*out*/ PROCESSOR_CORE_ID_TYPE *PROCESSOR_CORE_ID,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* The caller's index: from 0, in the order of creation.
 * Context: process. Codes: INVALID_MODE (the error handler, or start-up). */
void GET_MY_INDEX(
    /*out*/ PROCESS_INDEX_TYPE *PROCESS_INDEX,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

#ifdef __cplusplus
}
#endif

#endif
