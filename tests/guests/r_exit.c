/* Says that it is there, and ends with the status it is given, if any; else it stays. */
#include <bulkhead/printf.h>

int main(int argc, char **argv)
{
    bh_printf("here, start %u\n", bh_boot_info()->generation);
    while (argc < 2)
        bh_yield();
    int status = 0;
    for (const char *digit = argv[1]; *digit; digit++)
        status = status * 10 + *digit - '0';
    return status;
}
