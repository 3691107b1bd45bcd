/* The writing end of a sampling channel. The reader is c_sample_in.c; it sees one message, which grows old, and
 * then another. */
#include "conform.h"

#define REFRESH (50 * MS)

static SAMPLING_PORT_ID_TYPE out;

static void run_driver(void)
{
    APEX_BYTE message[32] = "altitude 8000";
    MESSAGE_SIZE_TYPE length;
    VALIDITY_TYPE validity;
    SAMPLING_PORT_STATUS_TYPE status;
    SAMPLING_PORT_ID_TYPE id;
    EXPECT(INVALID_MODE, "in NORMAL", CREATE_SAMPLING_PORT, "unused_out", 16, SOURCE, REFRESH, &id);
    EXPECT(NO_ERROR, "by name", GET_SAMPLING_PORT_ID, "altitude_out", &id);
    SHOWS(GET_SAMPLING_PORT_ID, "is what CREATE_SAMPLING_PORT gave", id == out);
    EXPECT(INVALID_CONFIG, "not open", GET_SAMPLING_PORT_ID, "unused_out", &id);
    EXPECT(INVALID_CONFIG, "no such name", GET_SAMPLING_PORT_ID, "nobody", &id);
    EXPECT(INVALID_PARAM, "no such port", GET_SAMPLING_PORT_STATUS, NOBODY, &status);
    EXPECT(NO_ERROR, "a source", GET_SAMPLING_PORT_STATUS, out, &status);
    SHOWS(GET_SAMPLING_PORT_STATUS, "tells the configuration",
          status.REFRESH_PERIOD == REFRESH && status.MAX_MESSAGE_SIZE == 16 && status.PORT_DIRECTION == SOURCE);
    EXPECT(INVALID_MODE, "a source", READ_SAMPLING_MESSAGE, out, message, &length, &validity);
    UPDATED_TYPE updated;
    SYSTEM_TIME_TYPE stamp;
    EXPECT(INVALID_MODE, "a source", READ_UPDATED_SAMPLING_MESSAGE, out, message, &length, &updated);
    EXPECT(INVALID_MODE, "a source", READ_SAMPLING_MESSAGE_CONDITIONAL, out, 0LL, message, &length, &stamp);
    EXPECT(INVALID_PARAM, "no such port", WRITE_SAMPLING_MESSAGE, NOBODY, message, 13);
    EXPECT(INVALID_PARAM, "length 0", WRITE_SAMPLING_MESSAGE, out, message, 0);
    EXPECT(INVALID_PARAM, "negative length", WRITE_SAMPLING_MESSAGE, out, message, -1);
    EXPECT(INVALID_CONFIG, "too long", WRITE_SAMPLING_MESSAGE, out, message, 17);

    pause_ms(200); /* until the reader has seen that nothing was written */
    EXPECT(NO_ERROR, "a message", WRITE_SAMPLING_MESSAGE, out, message, 13);
    pause_ms(400); /* until the reader has seen it grow old */
    EXPECT(NO_ERROR, "over another message", WRITE_SAMPLING_MESSAGE, out, (MESSAGE_ADDR_TYPE) "climb", 5);
    finish();
}

int main(void)
{
    SAMPLING_PORT_ID_TYPE id = 0;
    EXPECT(INVALID_CONFIG, "not in the configuration", CREATE_SAMPLING_PORT, "nobody", 16, SOURCE, REFRESH, &id);
    EXPECT(INVALID_CONFIG, "another size", CREATE_SAMPLING_PORT, "altitude_out", 17, SOURCE, REFRESH, &id);
    EXPECT(INVALID_CONFIG, "another direction", CREATE_SAMPLING_PORT, "altitude_out", 16, DESTINATION, REFRESH, &id);
    EXPECT(NO_ERROR, "as in the configuration", CREATE_SAMPLING_PORT, "altitude_out", 16, SOURCE, REFRESH, &out);
    EXPECT(NO_ACTION, "open already", CREATE_SAMPLING_PORT, "altitude_out", 16, SOURCE, REFRESH, &id);
    NEED(START, create("driver", run_driver, DRIVER));
    return go_normal();
}
