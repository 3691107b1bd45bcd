/* Where interrupts arrive: saves all that a handler may change, on the interrupted stack, and returns by iretq.
 *
 * The vector state is saved with XSAVE, so that tasks may use AVX.
 */
        .text
        .globl bulkhead_interrupt_entry
        .type bulkhead_interrupt_entry, @function
bulkhead_interrupt_entry:
        .irp register, rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11
        push %\register
        .endr
        cld
        mov %rsp, %rbp
        mov bh_xsave_size(%rip), %eax
        sub %rax, %rsp
        and $-64, %rsp
        mov bh_xsave_mask(%rip), %eax
        xor %edx, %edx
        test %eax, %eax
        jz 1f
        /* XRSTOR wants the unused parts of the header zero. */
        .irp word, 0, 8, 16, 24, 32, 40, 48, 56
        movq $0, 512 + \word(%rsp)
        .endr
        xsave64 (%rsp)
        jmp 2f
1:      fxsave64 (%rsp)
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
        mov bh_xsave_mask(%rip), %eax
        xor %edx, %edx
        test %eax, %eax
        jz 3f
        xrstor64 (%rsp)
        jmp 4f
3:      fxrstor64 (%rsp)
4:      mov %rbp, %rsp
        .irp register, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax
        pop %\register
        .endr
        iretq
        .size bulkhead_interrupt_entry, . - bulkhead_interrupt_entry

        .section .note.GNU-stack, "", @progbits
