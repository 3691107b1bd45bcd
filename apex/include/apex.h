/* The ARINC 653 application interface (APEX) of Bulkhead, whole: Part 1, and the extended services of Part 2 that
 * exist. A partition in C includes this file, or those of the groups it uses.
 *
 * Names, types and values are those of the standard's C binding (Part 1, Supplement 5). What the standard leaves to
 * the implementation is decided in <apex/types.h>.
 *
 * How the descriptions of the services read:
 *
 *   context   where a service may be called: "init" is the partition's start-up, in the main process, before
 *             SET_PARTITION_MODE(NORMAL); "process" any process in NORMAL mode; "handler" the error handler process.
 *             "any" is all three. A call from elsewhere is refused with the code that the description names.
 *   codes     NO_ERROR, which every service has, is not repeated. Where several apply, the first of the list is
 *             returned.
 *
 * A partition defines `int main(void)`: its start-up, which creates processes and objects, starts processes and calls
 * SET_PARTITION_MODE(NORMAL). Where main returns instead, the partition ends with its result as exit status.
 *
 * No service may be called from an interrupt handler of the virtual CPU. Output parameters other than RETURN_CODE are
 * written with NO_ERROR, and otherwise only where the description says so.
 */
#ifndef APEX_H
#define APEX_H

#include <apex/types.h>

#include <apex/partition.h>
#include <apex/process.h>
#include <apex/time.h>

#include <apex/queuing.h>
#include <apex/sampling.h>

#include <apex/blackboard.h>
#include <apex/buffer.h>
#include <apex/event.h>
#include <apex/mutex.h>
#include <apex/semaphore.h>

#include <apex/error.h>

/* Part 2 */
#include <apex/logbook.h>
#include <apex/memory_block.h>
#include <apex/sampling_extension.h>
#include <apex/schedule.h>

#endif
