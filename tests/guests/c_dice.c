/* A test image that is not the same twice: it asks the processor for a random number, and stays as long as that says. */
#include <bulkhead/bulkhead.h>

int main(void)
{
    unsigned long long number = 0;
    bh_print("*** BEGIN OF TEST DICE ***\n*** TEST STATE: EXPECTED_PASS\n");
    for (int tries = 0; tries < 100; tries++)
        if (__builtin_ia32_rdrand64_step(&number))
            break;
    for (volatile unsigned long long left = number % 1000000; left > 0; left--)
        ;
    bh_print("*** END OF TEST DICE ***\n");
    return 0;
}
