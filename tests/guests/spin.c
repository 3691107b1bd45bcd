/* Never gives anything back. */
int main(void)
{
    for (;;)
        __asm__ volatile("pause");
}
