/* Start-up: what the services of processes and time say before SET_PARTITION_MODE(NORMAL). */
#include "conform.h"

static SYSTEM_TIME_TYPE period; /* the partition's */

static void nothing(void)
{
}

static void sizes_and_values(void)
{
    TRAP(1, APEX_INTEGER, "has 32 bits, times have 64, names 32 bytes",
         sizeof(APEX_INTEGER) == 4 && sizeof(SYSTEM_TIME_TYPE) == 8 && sizeof(NAME_TYPE) == 32 && sizeof(APEX_UNSIGNED) == 4);
    TRAP(1, SYSTEM_TIME_TYPE, "is signed", (SYSTEM_TIME_TYPE)-1 < 0 && INFINITE_TIME_VALUE < 0);
    TRAP(1, RETURN_CODE_TYPE, "counts from NO_ERROR 0 to TIMED_OUT 6", NO_ERROR == 0 && TIMED_OUT == 6);
    TRAP(1, PORT_DIRECTION_TYPE, "is SOURCE 0, DESTINATION 1; events are DOWN 0, UP 1",
         SOURCE == 0 && DESTINATION == 1 && DOWN == 0 && UP == 1);
    TRAP(1, ERROR_STATUS_TYPE, "holds a message of 128 bytes", sizeof(ERROR_MESSAGE_TYPE) == 128);
}

static void refused(const char *what, RETURN_CODE_TYPE code, PROCESS_ATTRIBUTE_TYPE a)
{
    PROCESS_ID_TYPE id;
    EXPECT(code, what, CREATE_PROCESS, &a, &id);
}

#define VARIANT(FIELD, VALUE) ({ PROCESS_ATTRIBUTE_TYPE a_ = attributes("variant", nothing, 20); a_.FIELD = (VALUE); a_; })

static void creation(void)
{
    PROCESS_ATTRIBUTE_TYPE a = attributes("one", nothing, 20);
    PROCESS_ID_TYPE one = 0, found = 0;
    EXPECT(NO_ERROR, "an aperiodic process", CREATE_PROCESS, &a, &one);
    EXPECT(NO_ACTION, "name taken", CREATE_PROCESS, &a, &found);

    refused("no stack", INVALID_PARAM, VARIANT(STACK_SIZE, 0));
    refused("priority 0", INVALID_PARAM, VARIANT(BASE_PRIORITY, MIN_PRIORITY_VALUE - 1));
    refused("priority 240", INVALID_PARAM, VARIANT(BASE_PRIORITY, MAX_PRIORITY_VALUE + 1));
    refused("period 0", INVALID_PARAM, VARIANT(PERIOD, 0));
    refused("time capacity 0", INVALID_PARAM, VARIANT(TIME_CAPACITY, 0));
    refused("period that is no multiple of the partition's", INVALID_CONFIG, VARIANT(PERIOD, period + 1));
    a = VARIANT(PERIOD, period);
    a.TIME_CAPACITY = period + 1;
    refused("time capacity longer than the period", INVALID_PARAM, a);
    refused("more stack than there is memory", INVALID_CONFIG, VARIANT(STACK_SIZE, 0xf0000000u));
    refused("lowest priority", NO_ERROR, attributes("low", nothing, MIN_PRIORITY_VALUE));
    refused("highest priority", NO_ERROR, attributes("high", nothing, MAX_PRIORITY_VALUE));

    refused("name of 32 letters", NO_ERROR, attributes("abcdefghijklmnopqrstuvwxyz012345", nothing, 20));
    refused("name of 31 letters, otherwise the same", NO_ERROR, attributes("abcdefghijklmnopqrstuvwxyz01234", nothing, 20));
    EXPECT(NO_ERROR, "name of 32 letters", GET_PROCESS_ID, "abcdefghijklmnopqrstuvwxyz012345", &found);
    PROCESS_STATUS_TYPE status = status_of(found);
    TRAP(1, GET_PROCESS_STATUS, "gives a name of 32 letters back whole", status.ATTRIBUTES.NAME[31] == '5');
    char padded[MAX_NAME_LENGTH] = "one\0two";
    EXPECT(NO_ERROR, "name with letters behind its NUL", GET_PROCESS_ID, padded, &found);
    TRAP(1, GET_PROCESS_ID, "compares names up to the NUL", found == one);
    EXPECT(INVALID_CONFIG, "no such name", GET_PROCESS_ID, "nobody", &found);

    EXPECT(INVALID_PARAM, "no such process", GET_PROCESS_STATUS, NOBODY, &status);
    EXPECT(NO_ERROR, "a process", GET_PROCESS_STATUS, one, &status);
    SHOWS(GET_PROCESS_STATUS, "a new process is dormant, with its attributes",
          status.PROCESS_STATE == DORMANT && status.CURRENT_PRIORITY == 20 && status.ATTRIBUTES.BASE_PRIORITY == 20 &&
              status.ATTRIBUTES.STACK_SIZE == STACK && same_text(status.ATTRIBUTES.NAME, "one"));
}

static void dormant_processes(void)
{
    PROCESS_ID_TYPE low, id;
    NEED(GET_PROCESS_ID, "low", &low);
    EXPECT(INVALID_PARAM, "no such process", SET_PRIORITY, NOBODY, 5);
    EXPECT(INVALID_MODE, "dormant", SET_PRIORITY, low, 5);
    EXPECT(INVALID_PARAM, "no such process", SUSPEND, NOBODY);
    EXPECT(INVALID_MODE, "dormant", SUSPEND, low);
    EXPECT(INVALID_PARAM, "no such process", RESUME, NOBODY);
    EXPECT(INVALID_MODE, "dormant", RESUME, low);
    EXPECT(INVALID_PARAM, "no such process", STOP, NOBODY);
    EXPECT(NO_ACTION, "dormant", STOP, low);
    EXPECT(INVALID_PARAM, "no such process", START, NOBODY);
    EXPECT(NO_ERROR, "before NORMAL", START, low);
    TRAP(7, START, "before NORMAL leaves a process waiting", state_of(low) == WAITING);
    EXPECT(NO_ACTION, "started already", START, low);
    EXPECT(NO_ACTION, "started already", DELAYED_START, low, MS);
    EXPECT(INVALID_PARAM, "priority 0", SET_PRIORITY, low, MIN_PRIORITY_VALUE - 1);
    EXPECT(INVALID_PARAM, "priority 240", SET_PRIORITY, low, MAX_PRIORITY_VALUE + 1);
    EXPECT(NO_ERROR, "waiting for NORMAL", SET_PRIORITY, low, 7);
    SHOWS(SET_PRIORITY, "changes the current priority, not the base priority",
          status_of(low).CURRENT_PRIORITY == 7 && status_of(low).ATTRIBUTES.BASE_PRIORITY == MIN_PRIORITY_VALUE);
    EXPECT(NO_ERROR, "started before NORMAL", STOP, low);
    SHOWS(STOP, "makes it dormant", state_of(low) == DORMANT);

    PROCESS_ID_TYPE beat = create_periodic("beat", nothing, 20, period, period);
    EXPECT(INVALID_PARAM, "no such process", DELAYED_START, NOBODY, MS);
    EXPECT(INVALID_PARAM, "negative delay", DELAYED_START, low, -1LL);
    EXPECT(INVALID_PARAM, "periodic, delay of a period", DELAYED_START, beat, period);
    EXPECT(NO_ERROR, "periodic, shorter delay", DELAYED_START, beat, period - 1);
    NEED(STOP, beat);

    EXPECT(INVALID_PARAM, "no such process", INITIALIZE_PROCESS_CORE_AFFINITY, NOBODY, 0);
    EXPECT(INVALID_CONFIG, "no such core", INITIALIZE_PROCESS_CORE_AFFINITY, low, 63);
    EXPECT(NO_ERROR, "the partition's core", INITIALIZE_PROCESS_CORE_AFFINITY, low, 0);
    EXPECT(NO_ERROR, "the main process", GET_MY_ID, &id);
    SHOWS(GET_MY_ID, "the main process has MAIN_PROCESS_ID", id == MAIN_PROCESS_ID);
    PROCESSOR_CORE_ID_TYPE core = 9;
    EXPECT(NO_ERROR, "in start-up", GET_MY_PROCESSOR_CORE_ID, &core);
    SHOWS(GET_MY_PROCESSOR_CORE_ID, "a partition with one core runs on its core 0", core == 0);
}

static void not_in_normal(void)
{
    LOCK_LEVEL_TYPE level = 9;
    EXPECT(NO_ACTION, "before NORMAL", LOCK_PREEMPTION, &level);
    EXPECT(NO_ACTION, "before NORMAL", UNLOCK_PREEMPTION, &level);
    EXPECT(NO_ACTION, "before NORMAL", REPLENISH, MS);
    SYSTEM_TIME_TYPE first = 0, second = 0;
    EXPECT(NO_ERROR, "in start-up", GET_TIME, &first);
    EXPECT(NO_ERROR, "in start-up, again", GET_TIME, &second);
    SHOWS(GET_TIME, "does not run backwards", first > 0 && second >= first);
    EXPECT(INVALID_PARAM, "no such mode", SET_PARTITION_MODE, (OPERATING_MODE_TYPE)7);
}

static void in_normal(void)
{
    PROCESS_ATTRIBUTE_TYPE a = attributes("late", nothing, 20);
    PROCESS_ID_TYPE id = 0, me = 0;
    EXPECT(INVALID_MODE, "in NORMAL", CREATE_PROCESS, &a, &id);
    NEED(GET_MY_ID, &me);
    EXPECT(INVALID_MODE, "in NORMAL", INITIALIZE_PROCESS_CORE_AFFINITY, me, 0);
    EXPECT(INVALID_MODE, "in NORMAL", CREATE_ERROR_HANDLER, (SYSTEM_ADDRESS_TYPE)(unsigned long)nothing, STACK);
    EXPECT(NO_ACTION, "in NORMAL", SET_PARTITION_MODE, NORMAL);
    EXPECT(INVALID_PARAM, "no such mode", SET_PARTITION_MODE, (OPERATING_MODE_TYPE)-1);
    pause_ms(2);
    TRAP(12, SET_PARTITION_MODE, "NORMAL ends the main process", !main_went_on);
    finish();
}

int main(void)
{
    PARTITION_STATUS_TYPE status;
    EXPECT(NO_ERROR, "in start-up", GET_PARTITION_STATUS, &status);
    period = status.PERIOD;
    SHOWS(GET_PARTITION_STATUS, "the first start is NORMAL_START, in COLD_START",
          status.START_CONDITION == NORMAL_START && status.OPERATING_MODE == COLD_START);
    SHOWS(GET_PARTITION_STATUS, "has the period and duration of the schedule", period == 20 * MS && status.DURATION == 10 * MS);
    SHOWS(GET_PARTITION_STATUS, "one core, nothing locked", status.NUM_ASSIGNED_CORES == 1 && status.LOCK_LEVEL == 0);
    EXPECT(INVALID_MODE, "COLD_START to WARM_START", SET_PARTITION_MODE, WARM_START);
    sizes_and_values();
    creation();
    dormant_processes();
    not_in_normal();
    NEED(START, create("last", in_normal, 50));
    return go_normal();
}
