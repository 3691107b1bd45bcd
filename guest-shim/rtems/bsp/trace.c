/* Which task runs, for recordings: an extension of RTEMS' thread switch.
 *
 * It is linked in only where the run is recorded, and only to the switches: neither the applications' count of extensions nor their order
 * changes, and without a recording a switch costs nothing.
 */
#include <rtems/score/threadimpl.h>
#include <rtems/score/userextimpl.h>

#include <bulkhead/trace.h>

#include "bulkhead.h"

static void switched(Thread_Control *executing, Thread_Control *heir)
{
    char name[9]; /* as much as is recorded, and a NUL */
    (void)executing;
    if (heir->is_idle)
        bh_trace_process(0, NULL, 0);
    else
        bh_trace_process(heir->Object.id, name, _Thread_Get_name(heir, name, sizeof name));
}

void bulkhead_trace_initialize(void)
{
    static User_extensions_Switch_control control = {.thread_switch = switched};
    if (bh_trace_is_on())
        _Chain_Append_unprotected(&_User_extensions_Switches_list, &control.Node);
}
