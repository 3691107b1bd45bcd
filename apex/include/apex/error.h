/* APEX health monitoring: messages, and the error handler, a process above all others that errors of processes start. */
#ifndef APEX_ERROR
#define APEX_ERROR

#include <apex/process.h>
#include <apex/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MAX_ERROR_MESSAGE_SIZE 128

typedef APEX_INTEGER ERROR_MESSAGE_SIZE_TYPE;
typedef APEX_BYTE ERROR_MESSAGE_TYPE[MAX_ERROR_MESSAGE_SIZE];

typedef enum {
    DEADLINE_MISSED = 0,
    APPLICATION_ERROR = 1, /* raised by RAISE_APPLICATION_ERROR */
    NUMERIC_ERROR = 2,     /* division by zero, overflow, floating point */
    ILLEGAL_REQUEST = 3,   /* an illegal instruction or request */
    STACK_OVERFLOW = 4,
    MEMORY_VIOLATION = 5,
    HARDWARE_FAULT = 6,
    POWER_FAIL = 7
} ERROR_CODE_TYPE;

typedef struct {
    SYSTEM_ADDRESS_TYPE FAILED_ADDRESS;
    PROCESS_ID_TYPE FAILED_PROCESS_ID;
    ERROR_CODE_TYPE ERROR_CODE;
    ERROR_MESSAGE_SIZE_TYPE LENGTH; /* of MESSAGE, bytes */
    ERROR_MESSAGE_TYPE MESSAGE;
} ERROR_STATUS_TYPE;

/* What the other processes do while the error handler runs. */
typedef enum {
    PROCESSES_PAUSE = 0,    /* they stand still */
    PROCESSES_SCHEDULED = 1 /* they run on other cores */
} ERROR_HANDLER_CONCURRENCY_CONTROL_TYPE;

/* Writes a message to the module's records.
 * Context: any. Codes: INVALID_PARAM (a negative length, or over MAX_ERROR_MESSAGE_SIZE). */
void REPORT_APPLICATION_MESSAGE(
    /*in */ MESSAGE_ADDR_TYPE MESSAGE_ADDR,
    /*in */ MESSAGE_SIZE_TYPE LENGTH,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Creates the error handler. ENTRY_POINT is a void (*)(void).
 * Context: init.
 * Codes: NO_ACTION (there is one), INVALID_CONFIG (no memory for the stack, or its size is out of range), INVALID_MODE
 * (in NORMAL). */
void CREATE_ERROR_HANDLER(
    /*in */ SYSTEM_ADDRESS_TYPE ENTRY_POINT,
    /*in */ STACK_SIZE_TYPE STACK_SIZE,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Takes the oldest error.
 * Context: handler. Codes: INVALID_CONFIG (not the error handler), NO_ACTION (no error is left). */
void GET_ERROR_STATUS(
    /*out*/ ERROR_STATUS_TYPE *ERROR_STATUS,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Raises an error in the name of the caller: it starts the error handler; without one, or from it, it is an error of the
 * partition.
 * Context: any. Codes: INVALID_PARAM (a negative length, over MAX_ERROR_MESSAGE_SIZE, or a code other than
 * APPLICATION_ERROR). */
void RAISE_APPLICATION_ERROR(
    /*in */ ERROR_CODE_TYPE ERROR_CODE,
    /*in */ MESSAGE_ADDR_TYPE MESSAGE_ADDR,
    /*in */ ERROR_MESSAGE_SIZE_TYPE LENGTH,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

/* Says how the error handler runs beside the other processes, and on which of the partition's cores.
 * Context: init.
 * Codes: INVALID_PARAM (no such control), INVALID_CONFIG (no error handler, or no such core), INVALID_MODE (in
 * NORMAL). */
void CONFIGURE_ERROR_HANDLER(
    /*in */ ERROR_HANDLER_CONCURRENCY_CONTROL_TYPE CONCURRENCY_CONTROL,
    /*in */ PROCESSOR_CORE_ID_TYPE PROCESSOR_CORE_ID,
    /*out*/ RETURN_CODE_TYPE *RETURN_CODE);

#ifdef __cplusplus
}
#endif

#endif
