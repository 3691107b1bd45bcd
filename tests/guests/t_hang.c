/* A test image. Never ends. */
#include <bulkhead/bulkhead.h>

int main(void)
{
    bh_print("*** BEGIN OF TEST HANG ***\n*** TEST STATE: EXPECTED_PASS\n");
    for (;;)
        bh_yield();
}
