/* Interrupts itself as fast as it can. */
#include <bulkhead/irq.h>

static void nothing(uint32_t line, void *argument)
{
    (void)line, (void)argument;
}

int main(void)
{
    bh_irq_request(BH_LINE_FIRST_SOFTWARE, nothing, 0);
    for (;;)
        bh_irq_raise(BH_LINE_FIRST_SOFTWARE);
}
