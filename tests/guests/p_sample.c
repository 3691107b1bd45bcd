/* One end of sampling channels:
 *
 *     write N SIZE        a sample to "out" in each of N windows, and then none any more
 *     flood N SIZE        samples to "out" without a pause, for N windows
 *     read N SIZE         reads "in" until it has seen sample N or a later one; numbers must not go back
 *     stale MS SIZE       reads "in" until its sample has become invalid, which must take MS milliseconds; says whether it
 *                         was ever valid
 *     restart N SIZE      reads "in" like read, but crashes in its first start; its second must begin with nothing, and fails
 */
#include "p_port.h"

static void read_until(bh_port_t in, uint64_t last, size_t size)
{
    uint64_t seen = 0, whole = 0, none = 0;
    while (seen < last) {
        struct bh_message message;
        int status = bh_sampling_read(in, buffer, LARGEST, &message);
        if (status == BH_PORT_NONE) {
            none += seen > 0; /* Before the first there is none. */
            continue;
        }
        if (status != BH_PORT_OK || message.length != size)
            fail("read", (uint64_t)-status);
        uint64_t n = number_of(buffer, size);
        if (n < seen)
            fail("a sample older than the one before", n);
        if (!is_whole(n, size))
            fail("a sample that is not whole", n);
        seen = n;
        whole++;
    }
    bh_printf("read up to the last, %s\n", whole > 1 && none < whole ? "mostly whole" : "mostly none");
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    uint64_t count = number(argv[2]);
    size_t size = number(argv[3]);
    struct bh_message message;
    if (same(argv[1], "write")) {
        bh_port_t out = port("out");
        for (uint64_t n = 1; n <= count; n++) {
            fill(n, size);
            if (bh_sampling_write(out, buffer, size) != BH_PORT_OK)
                fail("write", n);
            bh_yield();
        }
        bh_print("wrote all\n");
    } else if (same(argv[1], "flood")) {
        bh_port_t out = port("out");
        for (uint64_t n = 1; bh_window_count() <= count; n++) {
            fill(n, size);
            if (bh_sampling_write(out, buffer, size) != BH_PORT_OK)
                fail("write", n);
        }
        fill(UINT64_MAX >> 1, size);
        bh_sampling_write(out, buffer, size);
        bh_print("wrote all\n");
    } else if (same(argv[1], "read")) {
        read_until(port("in"), count, size);
    } else if (same(argv[1], "stale")) {
        bh_port_t in = port("in");
        while (bh_sampling_read(in, buffer, LARGEST, &message) == BH_PORT_NONE)
            bh_yield();
        /* Where the host was busy with something else it may have grown stale before the first look. */
        int was_valid = 0;
        for (; message.valid; was_valid = 1)
            if (bh_sampling_read(in, buffer, LARGEST, &message) != BH_PORT_OK)
                fail("the sample is there no longer", 0);
        uint64_t age = bh_now_ns() - message.written_ns;
        bh_printf("invalid %s%s\n", age >= count * 1000000 ? "in time" : "too early", was_valid ? "" : ", never valid");
        if (bh_sampling_read(in, buffer, LARGEST, &message) != BH_PORT_OK || number_of(buffer, size) == 0)
            fail("a stale sample is still there", 0);
    } else if (same(argv[1], "restart")) {
        bh_port_t in = port("in");
        if (bh_boot_info()->generation == 1) {
            read_until(in, count, size);
            __builtin_trap();
        }
        bh_print(bh_sampling_read(in, buffer, LARGEST, &message) == BH_PORT_NONE ? "empty\n" : "NOT EMPTY\n");
        while (bh_sampling_read(in, buffer, LARGEST, &message) == BH_PORT_NONE)
            bh_yield();
        bh_print("and then not\n");
        return 3;
    }
    return 0;
}
