/* The mini kernel's context switch. Its interrupts enter by the BSP for RTEMS, which wants no more than three routines. */

        .text

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
