/* A test image. Comes through within a fatal error, as RTEMS' tests of those do. */
#include <bulkhead/bulkhead.h>

int main(void)
{
    bh_print("*** BEGIN OF TEST FATAL ***\n*** TEST STATE: EXPECTED_PASS\n");
    bh_print("*** END OF TEST FATAL ***\n");
    return 1;
}
