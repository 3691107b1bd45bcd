/* A test image. Breaks behind its last banner. */
#include <bulkhead/bulkhead.h>

int main(void)
{
    bh_print("*** BEGIN OF TEST CRASH ***\n*** TEST STATE: EXPECTED_PASS\n");
    bh_print("*** END OF TEST CRASH ***\n");
    *(volatile int *)8 = 0;
    return 0;
}
