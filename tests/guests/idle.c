/* Does nothing, window after window. */
#include <bulkhead/bulkhead.h>

int main(void)
{
    for (;;)
        bh_yield();
}
