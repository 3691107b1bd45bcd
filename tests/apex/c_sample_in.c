/* The reading end of a sampling channel, with the extensions of Part 2. The writer is c_sample_out.c. */
#include "conform.h"

#define REFRESH (50 * MS)

static SAMPLING_PORT_ID_TYPE in;
static APEX_BYTE message[32];
static MESSAGE_SIZE_TYPE length = 99;
static VALIDITY_TYPE validity = VALID;

static void before_the_first(void)
{
    SAMPLING_PORT_STATUS_TYPE status;
    SAMPLING_PORT_CURRENT_STATUS_TYPE current;
    UPDATED_TYPE updated = NEW_MESSAGE;
    SYSTEM_TIME_TYPE stamp;
    EXPECT(INVALID_PARAM, "no such port", READ_SAMPLING_MESSAGE, NOBODY, message, &length, &validity);
    EXPECT(INVALID_MODE, "a destination", WRITE_SAMPLING_MESSAGE, in, message, 8);
    EXPECT(NO_ACTION, "nothing written yet", READ_SAMPLING_MESSAGE, in, message, &length, &validity);
    SHOWS(READ_SAMPLING_MESSAGE, "without a message the length is 0, and it is not valid", length == 0 && validity == INVALID);
    EXPECT(NO_ERROR, "a destination", GET_SAMPLING_PORT_STATUS, in, &status);
    SHOWS(GET_SAMPLING_PORT_STATUS, "before the first message it is not valid",
          status.PORT_DIRECTION == DESTINATION && status.LAST_MSG_VALIDITY == INVALID);

    EXPECT(INVALID_PARAM, "no such port", READ_UPDATED_SAMPLING_MESSAGE, NOBODY, message, &length, &updated);
    EXPECT(NO_ACTION, "nothing written yet", READ_UPDATED_SAMPLING_MESSAGE, in, message, &length, &updated);
    SHOWS(READ_UPDATED_SAMPLING_MESSAGE, "tells that the port is empty", updated == EMPTY_PORT);
    EXPECT(INVALID_PARAM, "no such port", GET_SAMPLING_PORT_CURRENT_STATUS, NOBODY, &current);
    EXPECT(NO_ERROR, "empty", GET_SAMPLING_PORT_CURRENT_STATUS, in, &current);
    SHOWS(GET_SAMPLING_PORT_CURRENT_STATUS, "tells that the port is empty", current.UPDATED == EMPTY_PORT);
    EXPECT(INVALID_PARAM, "no such port", READ_SAMPLING_MESSAGE_CONDITIONAL, NOBODY, 0LL, message, &length, &stamp);
    EXPECT(NO_ACTION, "nothing written yet", READ_SAMPLING_MESSAGE_CONDITIONAL, in, 0LL, message, &length, &stamp);
}

static void after_it(void)
{
    SAMPLING_PORT_STATUS_TYPE status;
    SAMPLING_PORT_CURRENT_STATUS_TYPE current;
    UPDATED_TYPE updated = EMPTY_PORT;
    SYSTEM_TIME_TYPE stamp = 0, again = 0;
    do {
        pause_ms(2);
        NEED(GET_SAMPLING_PORT_CURRENT_STATUS, in, &current);
    } while (current.UPDATED == EMPTY_PORT);
    SHOWS(GET_SAMPLING_PORT_CURRENT_STATUS, "tells that a message is new and fresh",
          current.UPDATED == NEW_MESSAGE && current.MESSAGE_AGE == FRESH && current.REFRESH_PERIOD == REFRESH);
    EXPECT(NO_ERROR, "a message", READ_SAMPLING_MESSAGE, in, message, &length, &validity);
    TRAP(6, READ_SAMPLING_MESSAGE, "a message no older than the refresh period is valid", validity == VALID);
    SHOWS(READ_SAMPLING_MESSAGE, "gives what was written", length == 13 && message[0] == 'a' && message[12] == '0');
    NEED(GET_SAMPLING_PORT_STATUS, in, &status);
    SHOWS(GET_SAMPLING_PORT_STATUS, "tells the validity of the last message read", status.LAST_MSG_VALIDITY == VALID);

    EXPECT(NO_ACTION, "read before", READ_UPDATED_SAMPLING_MESSAGE, in, message, &length, &updated);
    SHOWS(READ_UPDATED_SAMPLING_MESSAGE, "tells that the message was consumed", updated == CONSUMED_MESSAGE);
    EXPECT(NO_ERROR, "newer than the beginning", READ_SAMPLING_MESSAGE_CONDITIONAL, in, 0LL, message, &length, &stamp);
    SHOWS(READ_SAMPLING_MESSAGE_CONDITIONAL, "tells when it was written", length == 13 && stamp > 0 && stamp <= now());
    EXPECT(NO_ACTION, "not newer", READ_SAMPLING_MESSAGE_CONDITIONAL, in, stamp, message, &length, &again);

    NEED(TIMED_WAIT, 2 * REFRESH);
    message[0] = 0;
    EXPECT(NO_ERROR, "an old message", READ_SAMPLING_MESSAGE, in, message, &length, &validity);
    TRAP(6, READ_SAMPLING_MESSAGE, "a stale message is still returned, and not valid",
         validity == INVALID && length == 13 && message[0] == 'a');
    NEED(GET_SAMPLING_PORT_CURRENT_STATUS, in, &current);
    SHOWS(GET_SAMPLING_PORT_CURRENT_STATUS, "tells that the message is stale", current.MESSAGE_AGE == STALE && current.TIME_STAMP == stamp);
}

static void after_another(void)
{
    UPDATED_TYPE updated = EMPTY_PORT;
    RETURN_CODE_TYPE code;
    do {
        pause_ms(2);
        READ_UPDATED_SAMPLING_MESSAGE(in, message, &length, &updated, &code);
    } while (code == NO_ACTION);
    GOT(NO_ERROR, code, "a new message", READ_UPDATED_SAMPLING_MESSAGE);
    SHOWS(READ_UPDATED_SAMPLING_MESSAGE, "gives the new message", updated == NEW_MESSAGE && length == 5 && message[0] == 'c');
}

static void run_driver(void)
{
    before_the_first();
    after_it();
    after_another();
    finish();
}

int main(void)
{
    SAMPLING_PORT_ID_TYPE id;
    EXPECT(INVALID_CONFIG, "another refresh period", CREATE_SAMPLING_PORT, "altitude_in", 16, DESTINATION, REFRESH + 1, &id);
    EXPECT(NO_ERROR, "a destination", CREATE_SAMPLING_PORT, "altitude_in", 16, DESTINATION, REFRESH, &in);
    NEED(START, create("driver", run_driver, DRIVER));
    return go_normal();
}
