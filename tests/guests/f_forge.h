/* A signal frame of a guest's own making: rt_sigreturn with it sets every register and the signal mask at will. */
#ifndef F_FORGE_H
#define F_FORGE_H

#include <stdint.h>

/* struct ucontext as rt_sigreturn reads it (arch/x86/include/uapi/asm/{ucontext,sigcontext}.h). */
struct f_frame {
    uint64_t flags, link, stack_base, stack_flags, stack_size;
    uint64_t r8_to_r15[8], rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, eflags;
    uint16_t cs, gs, fs, ss;
    uint64_t err, trapno, oldmask, cr2, fpstate, reserved[8];
    uint64_t mask;
};

_Static_assert(sizeof(struct f_frame) == 304, "struct ucontext has 304 bytes");

#define F_SS_DISABLE 2
#define F_SIGRETURN 15

/* Goes on in `then` on a fresh stack, with the signals of `mask` blocked and without an alternate stack. */
__attribute__((noreturn)) static inline void f_forge(void (*then)(void), uint64_t mask)
{
    static uint64_t stack[2048] __attribute__((aligned(16)));
    static struct f_frame frame;
    frame.stack_flags = F_SS_DISABLE;
    /* As after a call instruction. */
    frame.rsp = (uint64_t)(stack + 2048) - 8;
    frame.rip = (uint64_t)then;
    frame.eflags = 0x202;
    frame.cs = 0x33;
    frame.ss = 0x2b;
    frame.mask = mask;
    __asm__ volatile("mov %0, %%rsp\n\tsyscall" : : "r"(&frame), "a"((uint64_t)F_SIGRETURN) : "memory");
    __builtin_unreachable();
}

#endif
