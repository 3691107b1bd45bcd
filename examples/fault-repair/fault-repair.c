/* A guest that handles its own fault: it looks for a device whose registers may or may not be there.
 *
 *     bulkhead run examples/fault-repair/fault-repair.elf
 *
 * Only one instruction of this program may fault. The handler takes that fault, lets the program go on behind the
 * instruction, and leaves every other one to the health monitor. */
#include <bulkhead/irq.h>
#include <bulkhead/printf.h>

/* The addresses of the load that may fault and of what follows it. */
extern const char probe_load[], probe_end[];

static bool take_the_probe_s_fault(struct bh_fault *fault)
{
    if (fault->registers->rip != (uint64_t)probe_load)
        return false;
    fault->registers->rax = 0; /* not found */
    fault->registers->rip = (uint64_t)probe_end;
    return true;
}

/* Reads a word into `*value`; false if there is nothing at that address. A function of its own that is never copied, since
 * its labels exist once. */
__attribute__((noinline, noclone)) static bool probe(uintptr_t address, uint32_t *value)
{
    uint64_t found = 1;
    uint32_t word = 0;
    __asm__ volatile("probe_load: movl (%2), %1\n"
                     "probe_end:\n"
                     : "+a"(found), "+r"(word)
                     : "r"(address)
                     : "memory");
    *value = word;
    return found;
}

int main(void)
{
    static volatile uint32_t spare = 0x2a;
    const uintptr_t candidates[] = {0x40000000, 0xfee00000, (uintptr_t)&spare};

    bh_fault_set_handler(take_the_probe_s_fault);
    for (unsigned i = 0; i < sizeof candidates / sizeof *candidates; i++) {
        uint32_t value;
        if (probe(candidates[i], &value)) {
            bh_printf("found a device that says %u\n", value);
            return 0;
        }
        bh_printf("no device at %p\n", (void *)candidates[i]);
    }
    return 1;
}
