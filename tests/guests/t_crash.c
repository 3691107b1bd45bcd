/* A test image. Breaks behind its last banner. */
#include <bulkhead/bulkhead.h>

/* Where nothing is. Read when the program runs, so that no compiler takes it for an object that ends before it. */
static volatile int *volatile nowhere = (volatile int *)8;

int main(void)
{
    bh_print("*** BEGIN OF TEST CRASH ***\n*** TEST STATE: EXPECTED_PASS\n");
    bh_print("*** END OF TEST CRASH ***\n");
    *nowhere = 0;
    return 0;
}
