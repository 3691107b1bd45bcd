/* What the conformance guests in C share. Each checks itself and prints a line per check:
 *
 *     check SERVICE CODE the case in words: PASS
 *     trap NUMBER SERVICE the behaviour in words: PASS
 *
 * SERVICE is the service's name, CODE the return code that the case asks for, or "-" for behaviour that no code tells.
 * A failure reads FAIL, with what was seen. The last line is "done N checks"; a guest that ends without it did not
 * get through.
 */
#ifndef CONFORM_H
#define CONFORM_H

#include <apex.h>

#include <bulkhead/bulkhead.h>
#include <bulkhead/printf.h>

#define MS 1000000LL
#define SECOND 1000000000LL
#define FOREVER INFINITE_TIME_VALUE
#define STACK 16384 /* bytes, of every process */
#define NOBODY 9999 /* an identifier that nothing has */

static unsigned checks_made, checks_failed;

static const char *code_name(RETURN_CODE_TYPE code)
{
    static const char *const names[] = {"NO_ERROR",       "NO_ACTION",    "NOT_AVAILABLE", "INVALID_PARAM",
                                        "INVALID_CONFIG", "INVALID_MODE", "TIMED_OUT"};
    return (unsigned)code < 7 ? names[code] : "nothing";
}

static void count(int good)
{
    checks_made++;
    checks_failed += !good;
}

static void expected(const char *service, RETURN_CODE_TYPE want, RETURN_CODE_TYPE got, const char *what)
{
    count(want == got);
    if (want == got)
        bh_printf("check %s %s %s: PASS\n", service, code_name(want), what);
    else
        bh_printf("check %s %s %s: FAIL (%s)\n", service, code_name(want), what, code_name(got));
}

/* Calls SERVICE(arguments, &code) and compares the code. */
#define EXPECT(CODE, WHAT, SERVICE, ...)                    \
    do {                                                    \
        RETURN_CODE_TYPE code_ = (RETURN_CODE_TYPE)99;      \
        SERVICE(__VA_ARGS__, &code_);                       \
        expected(#SERVICE, CODE, code_, WHAT);              \
    } while (0)
/* For services whose only parameter is the code. */
#define EXPECT0(CODE, WHAT, SERVICE)                        \
    do {                                                    \
        RETURN_CODE_TYPE code_ = (RETURN_CODE_TYPE)99;      \
        SERVICE(&code_);                                    \
        expected(#SERVICE, CODE, code_, WHAT);              \
    } while (0)
/* A code that a helper process was given earlier. */
#define GOT(CODE, SEEN, WHAT, SERVICE) expected(#SERVICE, CODE, SEEN, WHAT)

/* What a service does, besides the code. */
#define SHOWS(SERVICE, WHAT, CONDITION)                                                 \
    do {                                                                                \
        int good_ = !!(CONDITION);                                                      \
        count(good_);                                                                   \
        bh_printf("check %s - %s: %s\n", #SERVICE, WHAT, good_ ? "PASS" : "FAIL (" #CONDITION ")"); \
    } while (0)
/* What implementers get wrong, by the number of the list in docs/apex-conformance.md. */
#define TRAP(NUMBER, SERVICE, WHAT, CONDITION)                                          \
    do {                                                                                \
        int good_ = !!(CONDITION);                                                      \
        count(good_);                                                                   \
        bh_printf("trap %d %s %s: %s\n", NUMBER, #SERVICE, WHAT, good_ ? "PASS" : "FAIL (" #CONDITION ")"); \
    } while (0)

/* A call that a check needs to have worked, silent if it did. */
#define NEED(SERVICE, ...)                                                              \
    do {                                                                                \
        RETURN_CODE_TYPE code_ = (RETURN_CODE_TYPE)99;                                  \
        SERVICE(__VA_ARGS__, &code_);                                                   \
        if (code_ != NO_ERROR)                                                          \
            expected(#SERVICE, NO_ERROR, code_, "in preparation, line " AT_LINE(__LINE__)); \
    } while (0)
#define NEED0(SERVICE)                                                                  \
    do {                                                                                \
        RETURN_CODE_TYPE code_ = (RETURN_CODE_TYPE)99;                                  \
        SERVICE(&code_);                                                                \
        if (code_ != NO_ERROR)                                                          \
            expected(#SERVICE, NO_ERROR, code_, "in preparation, line " AT_LINE(__LINE__)); \
    } while (0)
#define AT_LINE(LINE) AS_TEXT(LINE)
#define AS_TEXT(LINE) #LINE

/* The order in which processes did something, a letter each. */
static char order[64];
static unsigned order_length;

static inline void mark(char letter)
{
    if (order_length < sizeof order - 1)
        order[order_length++] = letter;
}

/* Whether exactly these letters were marked, in this order; forgets them. */
static inline int in_order(const char *letters)
{
    unsigned i = 0;
    order[order_length] = 0;
    while (letters[i] && letters[i] == order[i])
        i++;
    int same = letters[i] == order[i];
    if (!same)
        bh_printf("note: wanted order \"%s\", saw \"%s\"\n", letters, order);
    order_length = 0;
    return same;
}

static inline int same_text(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

static inline PROCESS_ATTRIBUTE_TYPE attributes(const char *name, void (*entry)(void), PRIORITY_TYPE priority)
{
    PROCESS_ATTRIBUTE_TYPE a = {
        .PERIOD = INFINITE_TIME_VALUE,
        .TIME_CAPACITY = INFINITE_TIME_VALUE,
        .ENTRY_POINT = (SYSTEM_ADDRESS_TYPE)(unsigned long)entry,
        .STACK_SIZE = STACK,
        .BASE_PRIORITY = priority,
        .DEADLINE = SOFT,
    };
    for (int i = 0; i < MAX_NAME_LENGTH && name[i]; i++)
        a.NAME[i] = name[i];
    return a;
}

/* An aperiodic process, dormant. */
static inline PROCESS_ID_TYPE create(const char *name, void (*entry)(void), PRIORITY_TYPE priority)
{
    PROCESS_ATTRIBUTE_TYPE a = attributes(name, entry, priority);
    PROCESS_ID_TYPE id = NULL_PROCESS_ID;
    NEED(CREATE_PROCESS, &a, &id);
    return id;
}

/* A periodic process, dormant. */
static inline PROCESS_ID_TYPE create_periodic(const char *name, void (*entry)(void), PRIORITY_TYPE priority,
                                              SYSTEM_TIME_TYPE period, SYSTEM_TIME_TYPE capacity)
{
    PROCESS_ATTRIBUTE_TYPE a = attributes(name, entry, priority);
    PROCESS_ID_TYPE id = NULL_PROCESS_ID;
    a.PERIOD = period;
    a.TIME_CAPACITY = capacity;
    NEED(CREATE_PROCESS, &a, &id);
    return id;
}

static inline PROCESS_STATUS_TYPE status_of(PROCESS_ID_TYPE process)
{
    PROCESS_STATUS_TYPE status = {.PROCESS_STATE = (PROCESS_STATE_TYPE)99};
    NEED(GET_PROCESS_STATUS, process, &status);
    return status;
}

static inline PROCESS_STATE_TYPE state_of(PROCESS_ID_TYPE process)
{
    return status_of(process).PROCESS_STATE;
}

static inline SYSTEM_TIME_TYPE now(void)
{
    SYSTEM_TIME_TYPE time = 0;
    NEED(GET_TIME, &time);
    return time;
}

/* The priority of the drivers, the processes that run the scripts. */
#define DRIVER 50

/* Lets every other process that is ready run until it waits or ends, however low its priority. Takes no time from the
 * clock's point of view, so no window's end can change the order. For drivers. */
static inline void let_others(void)
{
    PROCESS_ID_TYPE me = NULL_PROCESS_ID;
    NEED(GET_MY_ID, &me);
    NEED(SET_PRIORITY, me, MIN_PRIORITY_VALUE);
    NEED(SET_PRIORITY, me, DRIVER);
}

/* Waits. */
static inline void pause_ms(int milliseconds)
{
    NEED(TIMED_WAIT, milliseconds * MS);
}

/* Whether the main process ran after SET_PARTITION_MODE(NORMAL), which it must not. */
static volatile int main_went_on;

/* The end of the start-up: everything else happens in processes. */
static inline int go_normal(void)
{
    RETURN_CODE_TYPE code = (RETURN_CODE_TYPE)99;
    SET_PARTITION_MODE(NORMAL, &code);
    main_went_on = 1;
    bh_printf("trap 12 SET_PARTITION_MODE NORMAL ends the main process: FAIL (%s)\n", code_name(code));
    return 1;
}

/* The last line of a guest, or of one start of a guest that is started several times. */
static inline void all_done(void)
{
    bh_printf("done %u checks\n", checks_made);
}

__attribute__((noreturn)) static inline void finish(void)
{
    all_done();
    bh_halt(checks_failed != 0);
}

#endif
