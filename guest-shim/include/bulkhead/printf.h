/* A small printf for guests in C: %d %i %u %x %c %s %p %%, with l, ll and z, a width, and - or 0 before it.
 *
 * Header-only, so that a guest that does not use it does not carry it. Text goes to bh_print_bytes piece by piece.
 */
#ifndef BULKHEAD_PRINTF_H
#define BULKHEAD_PRINTF_H

#include <bulkhead/bulkhead.h>
#include <stdarg.h>

static inline void bh_pad_(char fill, int count)
{
    for (; count > 0; count--)
        bh_print_bytes(&fill, 1);
}

static inline void bh_number_(unsigned long long value, int negative, unsigned base, int width, int left, char fill)
{
    char digits[24];
    int length = 0;
    do {
        digits[sizeof digits - 1 - length++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    if (negative && fill == '0')
        bh_print_bytes("-", 1);
    if (!left)
        bh_pad_(fill, width - length - negative);
    if (negative && fill != '0')
        bh_print_bytes("-", 1);
    bh_print_bytes(digits + sizeof digits - length, (size_t)length);
    if (left)
        bh_pad_(' ', width - length - negative);
}

static inline void bh_vprintf(const char *format, va_list args)
{
    while (*format) {
        const char *start = format;
        while (*format && *format != '%')
            format++;
        if (format != start)
            bh_print_bytes(start, (size_t)(format - start));
        if (*format == 0)
            return;
        format++;
        int left = 0, width = 0, longs = 0;
        char fill = ' ';
        for (; *format == '-' || *format == '0'; format++) {
            left |= *format == '-';
            if (*format == '0')
                fill = '0';
        }
        if (left)
            fill = ' ';
        for (; *format >= '0' && *format <= '9'; format++)
            width = width * 10 + (*format - '0');
        for (; *format == 'l' || *format == 'z'; format++)
            longs += *format == 'z' ? 2 : 1;
        switch (*format) {
        case 'd':
        case 'i': {
            long long value = longs > 1 ? va_arg(args, long long) : longs ? va_arg(args, long) : va_arg(args, int);
            unsigned long long size = value < 0 ? 0ull - (unsigned long long)value : (unsigned long long)value;
            bh_number_(size, value < 0, 10, width, left, fill);
            break;
        }
        case 'u':
        case 'x': {
            unsigned long long value = longs > 1 ? va_arg(args, unsigned long long)
                                       : longs   ? va_arg(args, unsigned long)
                                                 : va_arg(args, unsigned);
            bh_number_(value, 0, *format == 'x' ? 16 : 10, width, left, fill);
            break;
        }
        case 'p':
            bh_print_bytes("0x", 2);
            bh_number_((unsigned long long)(uintptr_t)va_arg(args, void *), 0, 16, width - 2, left, fill);
            break;
        case 'c': {
            char c = (char)va_arg(args, int);
            bh_print_bytes(&c, 1);
            break;
        }
        case 's': {
            const char *text = va_arg(args, const char *);
            int length = 0;
            if (!text)
                text = "(null)";
            while (text[length])
                length++;
            if (!left)
                bh_pad_(' ', width - length);
            bh_print_bytes(text, (size_t)length);
            if (left)
                bh_pad_(' ', width - length);
            break;
        }
        case 0:
            return;
        default:
            bh_print_bytes(format, 1);
        }
        format++;
    }
}

/* Prints to the partition's console. */
__attribute__((format(printf, 1, 2))) static inline void bh_printf(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    bh_vprintf(format, args);
    va_end(args);
}

#endif
