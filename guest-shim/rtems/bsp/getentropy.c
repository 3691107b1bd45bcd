/* Entropy without a system call: the processor's own generator.
 *
 * RDSEED comes first, then RDRAND; both are asked about by CPUID, and not believed if they repeat themselves, as the
 * generators of some processors do after a failure. Where there is none, words are made of the jitter of the time-stamp
 * counter. That suffices for tables of hashes and for identifiers; keys need a processor with a generator.
 *
 * In virtual time the words come from the clock alone, so that they are the same in every run. They are no secret then.
 */
#include <cpuid.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <bulkhead/bulkhead.h>

enum {
    TRIES = 64,   /* for a word from a generator that may be exhausted by others */
    SAMPLES = 512 /* of the time-stamp counter for a word */
};

static uint64_t previous;
static uint64_t pool;

/* Which generators the processor has; asked once, because a virtual machine's CPUID takes long. */
enum { KNOWN = 1, RDRAND = 2, RDSEED = 4 };
static unsigned generators;

static unsigned find_generators(void)
{
    unsigned eax, ebx, ecx, edx, found = KNOWN;
    if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_RDRND))
        found |= RDRAND;
    if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ebx & bit_RDSEED))
        found |= RDSEED;
    return found;
}

static bool is_new(uint64_t word)
{
    bool new = word != previous && word != 0 && word != UINT64_MAX;
    previous = word;
    return new;
}

static bool rdseed(uint64_t *word)
{
    for (int try = 0; try < TRIES; try++) {
        bool good;
        __asm__ volatile("rdseed %0" : "=r"(*word), "=@ccc"(good));
        if (good && is_new(*word))
            return true;
        __asm__ volatile("pause");
    }
    return false;
}

static bool rdrand(uint64_t *word)
{
    for (int try = 0; try < TRIES; try++) {
        bool good;
        __asm__ volatile("rdrand %0" : "=r"(*word), "=@ccc"(good));
        if (good && is_new(*word))
            return true;
    }
    return false;
}

/* Every bit of the result depends on every bit of the word. */
static uint64_t mix(uint64_t word)
{
    word = (word ^ word >> 32) * 0xd6e8feb86659fd93;
    word = (word ^ word >> 32) * 0xd6e8feb86659fd93;
    return word ^ word >> 32;
}

static uint64_t jitter(void)
{
    pool ^= mix((uint64_t)bh_wall_ns());
    for (int sample = 0; sample < SAMPLES; sample++)
        pool = mix(pool + bh_counter());
    return mix(pool + 0x9e3779b97f4a7c15);
}

static uint64_t repeatable(void)
{
    pool = mix(pool + (uint64_t)bh_wall_ns());
    return mix(pool + 0x9e3779b97f4a7c15);
}

static uint64_t random_word(void)
{
    uint64_t word;
    if (bh_time_is_virtual())
        return repeatable();
    if (generators == 0)
        generators = find_generators();
    if (((generators & RDSEED) && rdseed(&word)) || ((generators & RDRAND) && rdrand(&word)))
        return word;
    return jitter();
}

int getentropy(void *buffer, size_t size)
{
    unsigned char *to = buffer;
    while (size > 0) {
        uint64_t word = random_word();
        size_t part = size < sizeof word ? size : sizeof word;
        memcpy(to, &word, part);
        to += part;
        size -= part;
    }
    return 0;
}
