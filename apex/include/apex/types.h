/* What all groups of APEX services share: base types, names, time, return codes, limits. */
#ifndef APEX_TYPES
#define APEX_TYPES

#ifdef __cplusplus
extern "C" {
#endif

/* The most that an implementation of the standard may offer. A module's configuration sets a partition's own limits;
 * a CREATE service beyond them returns INVALID_CONFIG. */
#define SYSTEM_LIMIT_NUMBER_OF_PARTITIONS 32
#define SYSTEM_LIMIT_NUMBER_OF_MESSAGES 512
#define SYSTEM_LIMIT_MESSAGE_SIZE 8192
#define SYSTEM_LIMIT_NUMBER_OF_PROCESSES 128
#define SYSTEM_LIMIT_NUMBER_OF_SAMPLING_PORTS 512
#define SYSTEM_LIMIT_NUMBER_OF_QUEUING_PORTS 512
#define SYSTEM_LIMIT_NUMBER_OF_BUFFERS 256
#define SYSTEM_LIMIT_NUMBER_OF_BLACKBOARDS 256
#define SYSTEM_LIMIT_NUMBER_OF_SEMAPHORES 256
#define SYSTEM_LIMIT_NUMBER_OF_EVENTS 256
#define SYSTEM_LIMIT_NUMBER_OF_MUTEXES 256

/* Base types. APEX_INTEGER has 32 bits on every machine, also where `long` has 64. */
typedef unsigned char APEX_BYTE;
typedef int APEX_INTEGER;
typedef unsigned int APEX_UNSIGNED;
typedef long long APEX_LONG_INTEGER;

/* What every service reports through its last parameter. */
typedef enum {
    NO_ERROR = 0,       /* done */
    NO_ACTION = 1,      /* there was nothing to change */
    NOT_AVAILABLE = 2,  /* cannot be done at once, and the caller would not wait */
    INVALID_PARAM = 3,  /* a parameter is wrong */
    INVALID_CONFIG = 4, /* the configuration or a limit forbids it */
    INVALID_MODE = 5,   /* not in this mode, state or context */
    TIMED_OUT = 6       /* the caller waited for as long as it asked to */
} RETURN_CODE_TYPE;

/* Names are NUL-padded; one of 32 characters has no NUL. Services read up to the first NUL and never more than 32 bytes.
 * Their parameters are declared `const char *`, which is what a NAME_TYPE parameter is to the compiler, so that a short
 * string can be passed without a warning. */
#define MAX_NAME_LENGTH 32
typedef char NAME_TYPE[MAX_NAME_LENGTH];

/* An address of code (entry points) or of data. */
typedef void(*SYSTEM_ADDRESS_TYPE);

typedef APEX_BYTE *MESSAGE_ADDR_TYPE;
typedef APEX_INTEGER MESSAGE_SIZE_TYPE;  /* bytes */
typedef APEX_INTEGER MESSAGE_RANGE_TYPE; /* messages */

typedef enum { SOURCE = 0, DESTINATION = 1 } PORT_DIRECTION_TYPE;

/* The order in which waiting processes are served; with PRIORITY, equals are served first come, first served. */
typedef enum { FIFO = 0, PRIORITY = 1 } QUEUING_DISCIPLINE_TYPE;

/* Nanoseconds, signed. As a time-out: negative means for ever, 0 means do not wait. */
typedef APEX_LONG_INTEGER SYSTEM_TIME_TYPE;
#define INFINITE_TIME_VALUE (-1)

typedef APEX_INTEGER PROCESSOR_CORE_ID_TYPE;
#define CORE_AFFINITY_NO_PREFERENCE (-1)

#ifdef __cplusplus
}
#endif

#endif
