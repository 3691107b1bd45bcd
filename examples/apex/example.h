/* What the examples of APEX services share: a process with usual attributes, and a stop at the first error. */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include <apex.h>

#include <bulkhead/bulkhead.h>
#include <bulkhead/printf.h>

#define MS 1000000LL /* nanoseconds */
#define FOREVER INFINITE_TIME_VALUE

/* Calls a service with these arguments, and ends the partition with a message if its return code is not NO_ERROR. */
#define CALL(SERVICE, ...)                                                  \
    do {                                                                    \
        RETURN_CODE_TYPE code_;                                             \
        SERVICE(__VA_ARGS__, &code_);                                       \
        if (code_ != NO_ERROR) {                                            \
            bh_printf("%s returned %d, line %d\n", #SERVICE, code_, __LINE__); \
            bh_halt(1);                                                     \
        }                                                                   \
    } while (0)

/* Creates and starts a process: periodic with this period, or aperiodic with FOREVER. */
static inline PROCESS_ID_TYPE process(const char *name, void (*entry)(void), PRIORITY_TYPE priority, SYSTEM_TIME_TYPE period)
{
    PROCESS_ATTRIBUTE_TYPE attributes = {
        .PERIOD = period,
        .TIME_CAPACITY = FOREVER,
        .ENTRY_POINT = (SYSTEM_ADDRESS_TYPE)(unsigned long)entry,
        .STACK_SIZE = 16384,
        .BASE_PRIORITY = priority,
        .DEADLINE = SOFT,
    };
    PROCESS_ID_TYPE id;
    for (int i = 0; i < MAX_NAME_LENGTH - 1 && name[i]; i++)
        attributes.NAME[i] = name[i];
    CALL(CREATE_PROCESS, &attributes, &id);
    CALL(START, id);
    return id;
}

/* Ends the start-up: the processes begin. */
static inline int begin(void)
{
    RETURN_CODE_TYPE code;
    SET_PARTITION_MODE(NORMAL, &code);
    return 1;
}

#endif
