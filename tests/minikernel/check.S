/* Code that would notice an interrupt. */

        .text

/* uint64_t check_state(const struct pattern *pattern, uint64_t rounds, int avx)
 *
 * Fills registers, red zone and flags with the caller's pattern and looks at them again, `rounds` times. Returns how often it
 * looked, or 0 if something had changed. The pattern: 16 words for the general registers, 16 times 32 bytes for the vectors.
 */
        .globl check_state
        .type check_state, @function
check_state:
        push %rbx
        push %rbp
        push %r12
        push %r13
        push %r14
        push %r15
        mov %rsi, -8(%rsp)
        mov %edx, -16(%rsp)
        mov %rsi, -24(%rsp)
        mov 0(%rdi), %rax
        mov %rax, -120(%rsp)
        mov %rax, -128(%rsp)
        fldpi
        .irp number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14
        movdqu 128 + 32 * \number(%rdi), %xmm\number
        .endr
        cmpl $0, -16(%rsp)
        je 1f
        .irp number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14
        vmovdqu 128 + 32 * \number(%rdi), %ymm\number
        .endr
1:      mov 8(%rdi), %rbx
        mov 16(%rdi), %rdx
        mov 24(%rdi), %rbp
        mov 32(%rdi), %rsi
        mov 40(%rdi), %r8
        mov 48(%rdi), %r9
        mov 56(%rdi), %r10
        mov 64(%rdi), %r11
        mov 72(%rdi), %r12
        mov 80(%rdi), %r13
        mov 88(%rdi), %r14
        mov 96(%rdi), %r15
        mov 104(%rdi), %rax

2:      mov $40, %ecx
        stc
3:      loop 3b
        jnc 9f
        mov $40, %ecx
        clc
4:      loop 4b
        jc 9f
        cmp 8(%rdi), %rbx
        jne 9f
        cmp 16(%rdi), %rdx
        jne 9f
        cmp 24(%rdi), %rbp
        jne 9f
        cmp 32(%rdi), %rsi
        jne 9f
        cmp 40(%rdi), %r8
        jne 9f
        cmp 48(%rdi), %r9
        jne 9f
        cmp 56(%rdi), %r10
        jne 9f
        cmp 64(%rdi), %r11
        jne 9f
        cmp 72(%rdi), %r12
        jne 9f
        cmp 80(%rdi), %r13
        jne 9f
        cmp 88(%rdi), %r14
        jne 9f
        cmp 96(%rdi), %r15
        jne 9f
        cmp 104(%rdi), %rax
        jne 9f
        mov 0(%rdi), %rcx
        cmp %rcx, -120(%rsp)
        jne 9f
        cmp %rcx, -128(%rsp)
        jne 9f
        cmpl $0, -16(%rsp)
        je 5f
        .irp number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14
        vpxor 128 + 32 * \number(%rdi), %ymm\number, %ymm15
        vptest %ymm15, %ymm15
        jnz 9f
        .endr
        jmp 6f
5:
        .irp number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14
        movdqu 128 + 32 * \number(%rdi), %xmm15
        pcmpeqd %xmm\number, %xmm15
        pmovmskb %xmm15, %ecx
        cmp $0xffff, %ecx
        jne 9f
        .endr
6:      decq -8(%rsp)
        jnz 2b
        mov -24(%rsp), %rax
        jmp 8f
9:      xor %eax, %eax
8:      fldpi
        fcomip %st(1), %st
        jne 7f
        jnp 10f
7:      xor %eax, %eax
10:     fstp %st(0)
        cmpl $0, -16(%rsp)
        je 11f
        vzeroupper
11:     pop %r15
        pop %r14
        pop %r13
        pop %r12
        pop %rbp
        pop %rbx
        ret
        .size check_state, . - check_state

/* int check_flags(void): the macros leave registers and flags as the instructions would. 0 if so, else where not. To be
 * called unmasked. */
        .globl check_flags
        .type check_flags, @function
check_flags:
        mov $0x1111, %rcx
        mov $0x2222, %rdx
        mov $1, %eax
        stc
        cli
        jnc 1f
        pushfq
        jnc 1f
        mov $2, %eax
        testl $0x200, (%rsp)
        jnz 1f
        testl $1, (%rsp)
        jz 1f
        mov $3, %eax
        cmp %eax, %eax
        sti
        jne 1f
        mov $4, %eax
        pushfq
        jne 2f
        testl $0x200, (%rsp)
        jz 2f
        mov $5, %eax
        clc
        popfq
        jne 1f
        mov $6, %eax
        clc
        popfq
        jnc 3f
        mov $7, %eax
        pushfq
        jnc 1f
        testl $0x200, (%rsp)
        jnz 1f
        add $8, %rsp
        mov $8, %eax
        sti
        cmp $0x1111, %rcx
        jne 3f
        cmp $0x2222, %rdx
        jne 3f
        xor %eax, %eax
3:      ret
2:      add $8, %rsp
1:      add $8, %rsp
        ret
        .size check_flags, . - check_flags

/* void wait_for_change(const volatile uint32_t *word): a loop that the compiler has not seen. Its jumps back are to a number, a
 * local label and a symbol in turn. */
        .globl wait_for_change
        .type wait_for_change, @function
wait_for_change:
        mov (%rdi), %eax
1:      cmp (%rdi), %eax
        je 1b
        mov (%rdi), %eax
.Lagain:
        cmp (%rdi), %eax
        je .Lagain
        mov (%rdi), %eax
wait_once_more:
        cmp (%rdi), %eax
        je wait_once_more
        ret
        .size wait_for_change, . - wait_for_change

        .section .note.GNU-stack, "", @progbits
