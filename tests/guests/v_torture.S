/* The parts of v_torture that only assembly can say: every register loaded with a known pattern, held for a while, and
 * written down again; and a routine that leaves no vector register as it was. */
#include "v_torture.h"

    .bss
    .balign 64
saved_rsp:
    .skip 8

    .text
/* All general registers but RCX, which counts, and RSP. */
#define EACH_REGISTER(OP) \
    OP(0, rax) OP(1, rbx) OP(2, rdx) OP(3, rsi) OP(4, rdi) OP(5, rbp) OP(6, r8) OP(7, r9) \
    OP(8, r10) OP(9, r11) OP(10, r12) OP(11, r13) OP(12, r14) OP(13, r15)
#define LOAD(n, reg) mov wanted + T_GENERAL + 8 * n(%rip), %reg;
#define STORE(n, reg) mov %reg, seen + T_GENERAL + 8 * n(%rip);

.macro save_abi
    push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15
.endm
.macro restore_abi
    pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx
.endm

/* void torture_registers(uint64_t loops, uint64_t stack_offset) */
    .globl torture_registers
torture_registers:
    save_abi
    mov %rsp, saved_rsp(%rip)
    sub %rsi, %rsp
    mov %rdi, %rcx

    /* x87: the last one loaded is ST(0). */
    fninit
    fldcw wanted + T_FCW(%rip)
    .irp n, 7, 6, 5, 4, 3, 2, 1, 0
    fldt wanted + T_X87 + 16 * \n(%rip)
    .endr
    ldmxcsr wanted + T_MXCSR(%rip)

    lea wanted + T_VECTOR(%rip), %rax
    cmpl $2, vector_level(%rip)
    je 2f
    jb 1f
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    vmovdqu64 64 * \n(%rax), %zmm\n
    .endr
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7
    kmovq wanted + T_MASK + 8 * \n(%rip), %k\n
    .endr
    jmp 3f
2:  .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    vmovdqu 64 * \n(%rax), %ymm\n
    .endr
    jmp 3f
1:  .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    movdqu 64 * \n(%rax), %xmm\n
    .endr
3:
    pushq wanted + T_FLAGS(%rip)
    popfq
    EACH_REGISTER(LOAD)

    /* The red zone: 128 bytes below the stack pointer. Nothing from here on changes a flag. */
    .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14
    mov %rax, -8 * \n(%rsp)
    .endr
    mov %r15, -120(%rsp)
    mov %r14, -128(%rsp)
    jrcxz 5f
    /* The stack pointer moves down, never up: the lowest words would be out of the red zone then, and anybody's. */
4:  mov %rbx, -16(%rsp)
    lea -8(%rsp), %rsp
    lea 8(%rsp), %rsp
    mov -16(%rsp), %rbx
    loop 4b
5:
    EACH_REGISTER(STORE)
    mov %rcx, seen + T_COUNT(%rip)
    .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
    mov -8 * \n(%rsp), %rax
    mov %rax, seen + T_RED + 8 * \n - 8(%rip)
    .endr
    mov saved_rsp(%rip), %rax
    mov %rsp, seen + T_RSP(%rip)
    mov %rax, %rsp
    pushfq
    popq seen + T_FLAGS(%rip)
    cld

    lea seen + T_VECTOR(%rip), %rax
    cmpl $2, vector_level(%rip)
    je 2f
    jb 1f
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    vmovdqu64 %zmm\n, 64 * \n(%rax)
    .endr
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7
    kmovq %k\n, seen + T_MASK + 8 * \n(%rip)
    .endr
    jmp 3f
2:  .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    vmovdqu %ymm\n, 64 * \n(%rax)
    .endr
    jmp 3f
1:  .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    movdqu %xmm\n, 64 * \n(%rax)
    .endr
3:  stmxcsr seen + T_MXCSR(%rip)
    fnstcw seen + T_FCW(%rip)
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7
    fstpt seen + T_X87 + 16 * \n(%rip)
    .endr
    fninit
    ldmxcsr default_mxcsr(%rip)
    restore_abi
    ret

/* uint64_t torture_stack(uint64_t count, uint64_t seed): pushes so many words, calls nothing, and pops them again; the
 * number of those that changed. */
    .globl torture_stack
torture_stack:
    xor %eax, %eax
    mov %rdi, %rcx
    jrcxz 3f
1:  push %rsi
    lea 7(%rsi), %rsi
    loop 1b
    mov %rdi, %rcx
2:  lea -7(%rsi), %rsi
    pop %rdx
    cmp %rsi, %rdx
    setne %dl
    movzbl %dl, %edx
    add %rdx, %rax
    loop 2b
3:  ret

/* void torture_clobber(void): leaves garbage in every register that is not general, and x87 and MXCSR as C wants them. */
    .globl torture_clobber
torture_clobber:
    fninit
    .rept 8
    fldpi
    .endr
    fninit
    ldmxcsr default_mxcsr(%rip)
    cmpl $2, vector_level(%rip)
    je 2f
    jb 1f
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    vpternlogd $255, %zmm\n, %zmm\n, %zmm\n
    .endr
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7
    kxnorq %k\n, %k\n, %k\n
    .endr
    ret
2:  vcmpps $15, %ymm0, %ymm0, %ymm0
    .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    vmovaps %ymm0, %ymm\n
    .endr
    ret
1:  .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    pcmpeqd %xmm\n, %xmm\n
    .endr
    ret

    .section .rodata
    .balign 4
default_mxcsr:
    .long 0x1f80

    .section .note.GNU-stack, "", @progbits
