/* What an operating system in the guest tells recordings. The shim notes interrupts, ticks and messages by itself. */
#ifndef BULKHEAD_TRACE_H
#define BULKHEAD_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Whether the host wants to be told. It does not change while the guest runs. */
bool bh_trace_is_on(void);

/* The processor goes to another process or task: `process` is the guest's own number for it, 0 for none. Of its name the first eight bytes are
 * recorded. Does nothing if the host does not want to be told. */
void bh_trace_process(uint32_t process, const char *name, size_t size);

#ifdef __cplusplus
}
#endif

#endif
