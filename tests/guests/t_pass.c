/* A test image. Comes through. */
#include <bulkhead/bulkhead.h>

int main(void)
{
    bh_print("*** BEGIN OF TEST PASS ***\n*** TEST STATE: EXPECTED_PASS\n");
    bh_print("*** END OF TEST PASS ***\n");
    return 0;
}
