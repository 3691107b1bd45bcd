/* A test image. Ends without its last banner. */
#include <bulkhead/bulkhead.h>

int main(void)
{
    bh_print("*** BEGIN OF TEST CUT ***\n*** TEST STATE: EXPECTED_PASS\n");
    return 1;
}
