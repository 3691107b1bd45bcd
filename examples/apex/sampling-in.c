/* Sampling ports, the destination: a display that shows the last temperature, and says when it is too old. See sampling.toml. */
#include "example.h"

static SAMPLING_PORT_ID_TYPE in;

static void show(void)
{
    RETURN_CODE_TYPE code;
    int stale = 0;
    while (stale < 3) {
        int degrees = 0;
        MESSAGE_SIZE_TYPE length;
        VALIDITY_TYPE validity;
        READ_SAMPLING_MESSAGE(in, (MESSAGE_ADDR_TYPE)&degrees, &length, &validity, &code);
        if (code == NO_ACTION)
            bh_printf("no temperature yet\n");
        else
            bh_printf("%d degrees%s\n", degrees, validity == VALID ? "" : ", but that was a while ago");
        stale += code == NO_ERROR && validity == INVALID;
        PERIODIC_WAIT(&code);
    }
    bh_halt(0);
}

int main(void)
{
    CALL(CREATE_SAMPLING_PORT, "temperature_in", sizeof(int), DESTINATION, 100 * MS, &in);
    process("show", show, 20, 60 * MS);
    return begin();
}
