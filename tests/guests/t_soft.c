/* A test image. Says that it will fail, and fails. */
#include <bulkhead/bulkhead.h>

int main(void)
{
    bh_print("*** BEGIN OF TEST SOFT ***\n*** TEST STATE: EXPECTED_FAIL\n");
    return 1;
}
