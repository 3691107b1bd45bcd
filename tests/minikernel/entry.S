/* The mini kernel's entry for interrupts, and its context switch. */

        .text

/* Entered as by a processor: SS, RSP, RFLAGS, CS and RIP are on the stack, interrupts are masked. */
        .globl interrupt_entry
        .type interrupt_entry, @function
interrupt_entry:
        .irp register, rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
        push %\register
        .endr
        cld
        mov %rsp, %rbx
        mov bh_xsave_size(%rip), %eax
        sub %rax, %rsp
        and $-64, %rsp
        xor %eax, %eax
        .irp word, 0, 8, 16, 24, 32, 40, 48, 56
        mov %rax, 512 + \word(%rsp)
        .endr
        mov bh_xsave_mask(%rip), %eax
        xor %edx, %edx
        test %eax, %eax
        jz 1f
        xsave64 (%rsp)
        call kernel_interrupt
        mov bh_xsave_mask(%rip), %eax
        xor %edx, %edx
        xrstor64 (%rsp)
        jmp 2f
1:      fxsave64 (%rsp)
        call kernel_interrupt
        fxrstor64 (%rsp)
2:      mov %rbx, %rsp
        .irp register, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax
        pop %\register
        .endr
        iretq

/* void context_switch(struct task *from, struct task *to) */
        .globl context_switch
        .type context_switch, @function
context_switch:
        pushfq
        push %rbx
        push %rbp
        push %r12
        push %r13
        push %r14
        push %r15
        sub $8, %rsp
        stmxcsr (%rsp)
        fnstcw 4(%rsp)
        mov %rsp, (%rdi)
        mov %rsi, %rdi
/* void context_load(struct task *to) */
        .globl context_load
context_load:
        mov (%rdi), %rsp
        mov 8(%rdi), %rax
        mov %rax, %rdx
        shr $32, %rdx
        mov $0xc0000100, %ecx
        wrmsr
        ldmxcsr (%rsp)
        fldcw 4(%rsp)
        add $8, %rsp
        pop %r15
        pop %r14
        pop %r13
        pop %r12
        pop %rbp
        pop %rbx
        popfq
        ret

        .globl task_entry
task_entry:
        iretq

        .section .note.GNU-stack, "", @progbits
