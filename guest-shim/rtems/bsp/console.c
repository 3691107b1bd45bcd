/* The console: a termios device and the kernel's own output, over the partition's console. Input is polled. */
#include <bsp/console-termios.h>
#include <rtems/bspIo.h>

#include <bulkhead/bulkhead.h>

static bool open_device(rtems_termios_tty *tty, rtems_termios_device_context *context, struct termios *settings,
                        rtems_libio_open_close_args_t *arguments)
{
    (void)tty, (void)context, (void)settings, (void)arguments;
    return true;
}

static int poll_character(void)
{
    unsigned char character;
    return bh_console_read(&character, 1) == 1 ? character : -1;
}

static int poll_device(rtems_termios_device_context *context)
{
    (void)context;
    return poll_character();
}

static void write_device(rtems_termios_device_context *context, const char *text, size_t length)
{
    (void)context;
    bh_print_bytes(text, length);
}

/* There is no line whose speed or parity could be set. */
static bool set_attributes(rtems_termios_device_context *context, const struct termios *settings)
{
    (void)context, (void)settings;
    return true;
}

static const rtems_termios_device_handler handler = {
    .first_open = open_device,
    .poll_read = poll_device,
    .write = write_device,
    .set_attributes = set_attributes,
    .mode = TERMIOS_POLLED,
};

static rtems_termios_device_context device = RTEMS_TERMIOS_DEVICE_CONTEXT_INITIALIZER("bulkhead");

const console_device console_device_table[] = {{
    .device_file = "/dev/ttyS0",
    .probe = console_device_probe_default,
    .handler = &handler,
    .context = &device,
}};
const size_t console_device_count = 1;

static void output_character(char character)
{
    bh_print_bytes(&character, 1);
}

BSP_output_char_function_type BSP_output_char = output_character;
BSP_polling_getchar_function_type BSP_poll_char = poll_character;
