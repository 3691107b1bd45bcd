/* Prints in ways that a console must bear:
 *
 *     bytes N             all 256 byte values in order, N times, as one stream
 *     hard                control characters, broken UTF-8, long lines, and a line without an end
 *     flood N             N MiB of lines, as fast as the console takes them
 *     newlines N          N MiB of nothing but ends of lines
 *     count N             one numbered line a window, N times
 *     echo                what is typed, until a full stop
 *     scribble N          for N windows: random positions into its ring's words, over and over
 *     Scribble N          likewise, and then fails
 *     drops N             for N windows: claims to have dropped output, over and over
 *     words               half a line, and then nothing more
 */
#include <bulkhead/printf.h>

static uint64_t seed = 88172645463325252ull;

/* Marsaglia's xorshift64. */
static uint64_t any(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static unsigned number(const char *text)
{
    unsigned value = 0;
    for (; *text; text++)
        value = value * 10 + (unsigned)(*text - '0');
    return value;
}

static void bytes(unsigned times)
{
    unsigned char all[256];
    for (int i = 0; i < 256; i++)
        all[i] = (unsigned char)i;
    while (times--)
        bh_print_bytes(all, sizeof all);
}

static void hard(void)
{
    bh_print("colour \x1b[31mred\x1b[0m, bell \a, backspace \b, delete \x7f\n");
    bh_print("title \x1b]0;owned\x07 and \xc2\x9b" "2J\n");
    bh_print_bytes("NUL \0 in the middle\n", 20);
    bh_print("broken \xff\xfe \xc3( \xe2\x82 UTF-8\n");
    bh_print("gr\xc3\xbc\xc3\x9f" "e \xe2\x82\xac\n");
    bh_print("turned \xe2\x80\xae round\n");
    bh_print("windows line\r\n");
    bh_print("over\rwritten\n");
    bh_print("\n");
    bh_print("tab\there\n");
    for (int i = 0; i < 1000; i++)
        bh_print("0123456789");
    bh_print("\n");
    /* Three bytes each, so that a cut at any power of two hits the middle of one. */
    for (int i = 0; i < 1000; i++)
        bh_print("\xe2\x82\xac");
    bh_print("\nno end");
}

static void flood(unsigned mebibytes)
{
    char line[64];
    for (int i = 0; i < 63; i++)
        line[i] = (char)('!' + i);
    line[63] = '\n';
    for (unsigned i = 0; i < mebibytes << 14; i++)
        bh_print_bytes(line, sizeof line);
}

static void newlines(unsigned mebibytes)
{
    char lines[1024];
    for (int i = 0; i < 1024; i++)
        lines[i] = '\n';
    for (unsigned i = 0; i < mebibytes << 10; i++)
        bh_print_bytes(lines, sizeof lines);
}

static void count(unsigned times)
{
    for (unsigned i = 1; i <= times; i++) {
        bh_printf("line %u\n", i);
        bh_yield();
    }
}

static void echo(void)
{
    char typed[700];
    for (;;) {
        size_t length = bh_console_read(typed, sizeof typed);
        bh_print_bytes(typed, length);
        if (length > 0 && typed[length - 1] == '.')
            return;
        if (length == 0)
            bh_yield();
    }
}

static void scribble(unsigned windows, int only_drops)
{
    volatile uint32_t *producer = (volatile uint32_t *)bh_boot_info()->out_producer;
    volatile uint32_t *consumer = (volatile uint32_t *)bh_boot_info()->in_consumer;
    uint32_t first = bh_window_count();
    while (bh_window_count() - first < windows) {
        producer[1] = (uint32_t)any();
        if (only_drops)
            continue;
        producer[0] = (uint32_t)any();
        consumer[0] = (uint32_t)any();
    }
}

int main(int argc, char **argv)
{
    unsigned n = argc > 2 ? number(argv[2]) : 0;
    switch (argc > 1 ? argv[1][0] : 0) {
    case 'b': bytes(n); break;
    case 'h': hard(); break;
    case 'f': flood(n); break;
    case 'n': newlines(n); break;
    case 'c': count(n); break;
    case 'e': echo(); break;
    case 's': scribble(n, 0); break;
    case 'S': scribble(n, 0); return 1;
    case 'w':
        bh_print("half a line");
        for (;;)
            bh_yield();
    case 'd': scribble(n, 1); break;
    default: return 9;
    }
    return 0;
}
