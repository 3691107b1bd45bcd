/* Sampling ports, the source: a thermometer that writes every 40 ms, and then falls silent. See sampling.toml. */
#include "example.h"

static SAMPLING_PORT_ID_TYPE out;

static void measure(void)
{
    RETURN_CODE_TYPE code;
    for (int degrees = 15; degrees < 20; degrees++) {
        CALL(WRITE_SAMPLING_MESSAGE, out, (MESSAGE_ADDR_TYPE)&degrees, sizeof degrees);
        PERIODIC_WAIT(&code);
    }
    bh_printf("out of order\n");
    bh_halt(0);
}

int main(void)
{
    CALL(CREATE_SAMPLING_PORT, "temperature_out", sizeof(int), SOURCE, 100 * MS, &out);
    process("measure", measure, 20, 40 * MS);
    return begin();
}
