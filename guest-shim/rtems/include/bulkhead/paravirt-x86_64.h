/* Turns the sensitive instructions of an x86-64 kernel into operations on Bulkhead's virtual CPU.
 *
 * Force-include it when the kernel is compiled, C files and .S files alike:
 *
 *     gcc -include .../guest-shim/rtems/include/bulkhead/paravirt-x86_64.h ...
 *
 * The mnemonics become assembler macros, so inline assembly and assembly files need no change. The macros stand in a file
 * of their own, which the assembler reads as it is. docs/porting.md says what each of them does.
 */
#ifndef BULKHEAD_PARAVIRT_X86_64_H
#define BULKHEAD_PARAVIRT_X86_64_H

#ifndef __x86_64__
#error "this header is for x86-64"
#endif

#ifdef __ASSEMBLER__
.set bh_flags_live, 1
#include "paravirt-x86_64.h.s"
#else
/* Inline assembly is taken by gcc and clang to change the flags, always, so that the macros need not preserve them. */
__asm__(".set bh_flags_live, 0\n.include \"" __FILE__ ".s\"\n");
#endif

#endif
