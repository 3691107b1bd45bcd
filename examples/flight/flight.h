/* What the partitions of the flight tell each other. The navigation, in Rust, has the same layouts in its own words. */
#ifndef FLIGHT_H
#define FLIGHT_H

#include <apex.h>

#include <bulkhead/bulkhead.h>
#include <bulkhead/printf.h>

#define MS 1000000LL
#define FRAME (50 * MS)
#define REFRESH (200 * MS)

/* A second of the module is a minute of the flight. */
#define MINUTES_A_STEP (FRAME / 1e9)

/* sensors -> navigation, autopilot, display */
typedef struct {
    double altitude; /* feet */
    double climb;    /* feet a minute */
    double heading;  /* degrees */
    double speed;    /* nautical miles a minute */
} AIR_DATA;

/* navigation -> autopilot, display */
typedef struct {
    double bearing;         /* degrees, to the waypoint */
    double distance;        /* nautical miles, to the waypoint */
    double target_altitude; /* feet */
    double target_speed;    /* nautical miles a minute */
    int leg;                /* from 0 */
    int turn;               /* degrees, at the waypoint */
    int arrived;
    char waypoint[8];
} ROUTE;

/* autopilot -> sensors, display */
typedef struct {
    double climb; /* feet a minute */
    double turn;  /* degrees a minute */
    double thrust;
    int start; /* how often the autopilot was started */
    int careful;
} CONTROLS;

/* Ends the partition with a message if a service did not do what it was asked. */
#define CALL(SERVICE, ...)                                                  \
    do {                                                                    \
        RETURN_CODE_TYPE code_;                                             \
        SERVICE(__VA_ARGS__, &code_);                                       \
        if (code_ != NO_ERROR) {                                            \
            bh_printf("%s returned %d\n", #SERVICE, code_);                 \
            bh_halt(1);                                                     \
        }                                                                   \
    } while (0)

/* Opens a port for a structure. */
#define PORT(NAME, TYPE, DIRECTION, ID) CALL(CREATE_SAMPLING_PORT, NAME, sizeof(TYPE), DIRECTION, REFRESH, ID)

/* Reads the latest; whether there is one, and it is fresh. An old one is read too. */
static inline int read_port(SAMPLING_PORT_ID_TYPE port, void *to)
{
    MESSAGE_SIZE_TYPE length;
    VALIDITY_TYPE validity;
    RETURN_CODE_TYPE code;
    READ_SAMPLING_MESSAGE(port, (MESSAGE_ADDR_TYPE)to, &length, &validity, &code);
    return code == NO_ERROR && validity == VALID;
}

#define WRITE_PORT(PORT, VALUE) CALL(WRITE_SAMPLING_MESSAGE, PORT, (MESSAGE_ADDR_TYPE)(VALUE), sizeof *(VALUE))

/* The partition's one process: runs `entry` every frame. */
static inline int every_frame(void (*entry)(void))
{
    PROCESS_ATTRIBUTE_TYPE attributes = {
        .PERIOD = FRAME,
        .TIME_CAPACITY = INFINITE_TIME_VALUE,
        .ENTRY_POINT = (SYSTEM_ADDRESS_TYPE)(unsigned long)entry,
        .STACK_SIZE = 16384,
        .BASE_PRIORITY = 20,
        .DEADLINE = SOFT,
        .NAME = "every frame",
    };
    PROCESS_ID_TYPE id;
    RETURN_CODE_TYPE code;
    CALL(CREATE_PROCESS, &attributes, &id);
    CALL(START, id);
    SET_PARTITION_MODE(NORMAL, &code);
    return 1;
}

static inline void next_frame(void)
{
    RETURN_CODE_TYPE code;
    PERIODIC_WAIT(&code);
}

/* An angle between -180 and 180 degrees. */
static inline double around(double degrees)
{
    while (degrees > 180)
        degrees -= 360;
    while (degrees <= -180)
        degrees += 360;
    return degrees;
}

static inline double within(double value, double limit)
{
    return value > limit ? limit : value < -limit ? -limit : value;
}

#endif
