/* Offsets in `struct registers` for v_torture.S. */
#define T_GENERAL 0
#define T_COUNT 112
#define T_RSP 120
#define T_FLAGS 128
#define T_FCW 136
#define T_MXCSR 140
#define T_MASK 144
#define T_RED 208
#define T_X87 336
#define T_VECTOR 512
