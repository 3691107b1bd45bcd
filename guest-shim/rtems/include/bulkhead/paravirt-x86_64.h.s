/* The macros of paravirt-x86_64.h. Read by the assembler as it is, and through the C preprocessor: comments are C's.
 *
 * Every macro leaves registers and memory as the instruction would, and the flags too where bh_flags_live is set; only the
 * interrupt flag is virtual: bh_masked is its complement. Nothing is written within 128 bytes below the stack pointer except
 * what the instruction itself pushes, so code with a red zone keeps it.
 *
 * Where the assembler is in 16- or 32-bit mode, which only start-up code for hardware is, the instruction stays as it is.
 */

/* Sets bh_long if the assembler is in 64-bit mode: only there is this instruction three bytes long. */
.macro bh_find_mode
    .if bh_flags_live
        .pushsection .bh_mode, "e", @progbits
.Lbh_mode\@:
        inc %ax
        .set bh_long, (. - .Lbh_mode\@) == 3
        .popsection
    .else
        .set bh_long, 1
    .endif
.endm

/* Unmasks, and takes an interrupt that was held back. */
.macro bh_unmask
    movl $0, bh_masked(%rip)
    .if bh_flags_live
        lea -128(%rsp), %rsp
        push %rcx
        movl bh_deferred(%rip), %ecx
        jecxz .Lbh_none\@
        pop %rcx
        call bh_pv_take
        push %rcx
.Lbh_none\@:
        pop %rcx
        lea 128(%rsp), %rsp
    .else
        cmpl $0, bh_deferred(%rip)
        je .Lbh_none\@
        lea -128(%rsp), %rsp
        call bh_pv_take
        lea 128(%rsp), %rsp
.Lbh_none\@:
    .endif
.endm

/* Calls a routine of the shim that preserves every register. */
.macro bh_call routine
    lea -128(%rsp), %rsp
    call \routine
    lea 128(%rsp), %rsp
.endm

.macro cli
    bh_find_mode
    .if bh_long
        movl $1, bh_masked(%rip)
    .else
        .byte 0xfa
    .endif
.endm

/* What is served from here on has ended the waiting of a hlt that follows. */
.macro sti
    bh_find_mode
    .if bh_long
        movl $0, bh_served(%rip)
        bh_unmask
    .else
        .byte 0xfb
    .endif
.endm

.macro hlt
    bh_find_mode
    .if bh_long
        bh_call bh_pv_hlt
    .else
        .byte 0xf4
    .endif
.endm

/* In user mode the processor pushes the interrupt flag as set, whatever popfq has loaded; bit 9 is cleared if bh_masked says
 * so. With live flags this takes arithmetic that changes none: the image minus 512 if bh_masked is 1. */
.macro pushfq
    .byte 0x9c
    .if bh_flags_live
        lea -128(%rsp), %rsp
        push %rax
        push %rdx
        movl bh_masked(%rip), %eax
        not %rax
        lea 1(%rax), %rax
        lea (, %rax, 8), %rax
        lea (, %rax, 8), %rax
        movq 144(%rsp), %rdx
        lea (%rdx, %rax, 8), %rdx
        movq %rdx, 144(%rsp)
        pop %rdx
        pop %rax
        lea 128(%rsp), %rsp
    .else
        cmpl $0, bh_masked(%rip)
        je .Lbh_set\@
        andl $~0x200, (%rsp)
.Lbh_set\@:
    .endif
.endm

.macro popfq
    testl $0x200, (%rsp)
    jnz .Lbh_open\@
    movl $1, bh_masked(%rip)
    .byte 0x9d
    jmp .Lbh_done\@
.Lbh_open\@:
    .byte 0x9d
    bh_unmask
.Lbh_done\@:
.endm

.macro pushf
    bh_find_mode
    .if bh_long
        pushfq
    .else
        .byte 0x9c
    .endif
.endm

.macro popf
    bh_find_mode
    .if bh_long
        popfq
    .else
        .byte 0x9d
    .endif
.endm

/* Does not come back, so it needs no call: bh_pv_iretq finds the frame where the instruction would. */
.macro iretq
    jmp bh_pv_iretq
.endm

/* The bases of FS and GS; other registers of the model do not exist on the virtual CPU, and writing them does nothing. */
.macro wrmsr
    bh_find_mode
    .if bh_long
        bh_call bh_pv_wrmsr
    .else
        .byte 0x0f, 0x30
    .endif
.endm

/* Reads the same two; any other register is 0. */
.macro rdmsr
    bh_find_mode
    .if bh_long
        bh_call bh_pv_rdmsr
    .else
        .byte 0x0f, 0x32
    .endif
.endm

/* There are no descriptor tables and no I/O ports: writes do nothing, reads yield ones, as from a bus without a device. */
.macro lidt operand:vararg
.endm
.macro lgdt operand:vararg
.endm
.macro outb operand:vararg
.endm
.macro outw operand:vararg
.endm
.macro outl operand:vararg
.endm
.macro out operand:vararg
.endm
.macro inb operand:vararg
    movb $0xff, %al
.endm
.macro inw operand:vararg
    movw $0xffff, %ax
.endm
.macro inl operand:vararg
    movl $0xffffffff, %eax
.endm
.macro in port, register
    .ifc "\register", "%al"
        inb
    .else
        .ifc "\register", "%ax"
            inw
        .else
            inl
        .endif
    .endif
.endm

/* Jumps back move the clock of virtual time, since the compiler's instrumentation does not reach assembly files: a loop there would
 * stop it. One to a local label (.Lname, or a number with a b) counts a block for each 16 bytes that it jumps over, since the code
 * in between counts nothing itself; one to another symbol that stands above counts one block. A jump through a register or memory
 * is no loop's. In inline assembly jumps stay as they are, for the compiler's own would count as well.
 */

/* A macro of its own: the assembler looks at the operand of .ifdef even in what it skips. */
.macro bh_find_symbol target
    .ifdef \target
        .set bh_back, 1
    .endif
.endm

/* Sets bh_back if the target stands above, and bh_local if it is surely in the same section. */
.macro bh_find_back target:vararg
    .set bh_back, 0
    .set bh_local, 0
    .set bh_kind, 0
    .irpc bh_char, "\target"
        .if bh_kind == 0
            .set bh_kind, 1
            .ifc "\bh_char", "*"
                .set bh_kind, 3
            .endif
            .ifc "\bh_char", "."
                .set bh_local, 1
            .endif
            .irpc bh_digit, 0123456789
                .ifc "\bh_char", "\bh_digit"
                    .set bh_kind, 2
                    .set bh_local, 1
                .endif
            .endr
        .endif
        .if bh_kind == 2
            .set bh_back, 0
            .ifc "\bh_char", "b"
                .set bh_back, 1
            .endif
        .endif
    .endr
    .if bh_kind == 1
        bh_find_symbol \target
    .endif
.endm

.macro bh_count_back target:vararg
    bh_find_back \target
    .if bh_back
        bh_find_mode
        .if bh_long
.Lbh_here\@:
            lea -128(%rsp), %rsp
            .if bh_local
                push $.Lbh_here\@ - \target
            .else
                push $0
            .endif
            call bh_pv_block
            lea 136(%rsp), %rsp
        .endif
    .endif
.endm

.if bh_flags_live
.irp bh_jump, jmp, ja, jae, jb, jbe, jc, je, jg, jge, jl, jle, jna, jnae, jnb, jnbe, jnc, jne, jng, jnge, jnl, jnle, jno, jnp, jns, jnz, jo, jp, jpe, jpo, js, jz
.macro \bh_jump target:vararg
    bh_count_back \target
    {nooptimize} \bh_jump \target
.endm
.endr
.endif
