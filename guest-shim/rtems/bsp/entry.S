/* Where interrupts arrive: saves all that a handler may change, on the interrupted stack, and returns by iretq.
 *
 * The vector state is saved with XSAVE, so that tasks may use AVX. Stacks of RTEMS' tasks are small and the state of AVX-512 takes
 * 2.6 KiB, so only as much is saved as is in use: the rest is in its initial state, and is put back there.
 */
        .text
        .globl bulkhead_interrupt_entry
        .type bulkhead_interrupt_entry, @function
bulkhead_interrupt_entry:
        .irp register, rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12
        push %\register
        .endr
        cld
        mov %rsp, %rbp
        mov bh_xsave_mask(%rip), %esi
        test %esi, %esi
        jz 1f
        mov bh_xsave_size(%rip), %edi
        cmpl $0, bh_xsave_tracked(%rip)
        je 5f
        mov $1, %ecx
        xgetbv
        and %eax, %esi
        test $~7, %esi
        jnz 5f
        /* The legacy region and the header; behind them the upper halves of the AVX registers, if they are in use. */
        mov $576, %edi
        test $4, %esi
        jz 5f
        mov $832, %edi
5:      /* x87 and SSE always: MXCSR is not tracked. */
        or $3, %esi
        mov %esi, %r12d
        sub %rdi, %rsp
        and $-64, %rsp
        mov %esi, %eax
        xor %edx, %edx
        /* XRSTOR wants the unused parts of the header zero. */
        .irp word, 0, 8, 16, 24, 32, 40, 48, 56
        movq $0, 512 + \word(%rsp)
        .endr
        xsave64 (%rsp)
        jmp 2f
1:      xor %r12d, %r12d
        sub $512, %rsp
        and $-64, %rsp
        fxsave64 (%rsp)
2:      mov %rsp, %rbx
        fninit
        push $0x1f80
        ldmxcsr (%rsp)
        add $8, %rsp
        call bulkhead_interrupt_begin
        test %rax, %rax
        cmovnz %rax, %rsp
        /* RTEMS' tests look at RBP here: it points into the interrupted stack. */
7:      call bh_irq_next
        mov %eax, %edi
        test %eax, %eax
        js 8f
        call amd64_dispatch_isr
        jmp 7b
8:      mov %rbx, %rsp
        call bulkhead_interrupt_end
        test %r12d, %r12d
        jz 3f
        /* What was not in use goes back to its initial state. XRSTOR may touch the place of every component that it is asked for,
         * also where there is nothing to load, so this takes an area that has them all. */
        mov bh_xsave_mask(%rip), %eax
        mov %r12d, %ecx
        not %ecx
        xor %edx, %edx
        and %ecx, %eax
        jz 6f
        xrstor64 initial_state(%rip)
6:      mov %r12d, %eax
        xor %edx, %edx
        xrstor64 (%rsp)
        jmp 4f
3:      fxrstor64 (%rsp)
4:      mov %rbp, %rsp
        .irp register, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax
        pop %\register
        .endr
        iretq
        .size bulkhead_interrupt_entry, . - bulkhead_interrupt_entry

        /* A state area that says that everything is in its initial state: larger than that of all components of AVX-512. */
        .local initial_state
        .comm initial_state, 4096, 64

        .section .note.GNU-stack, "", @progbits
