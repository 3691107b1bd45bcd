/* The console: a termios device, driven by interrupts, and the kernel's own output, which is polled.
 *
 * The device has one vector, as a UART has: BH_LINE_CONSOLE. The host raises it when something has been typed; the device
 * raises it itself when text has gone into the console's ring, so that termios sends on. Two things make no interrupt: room
 * in a ring that was full, and room in termios' input buffer. The device looks for them at the beginning of each window.
 */
#include <bsp/console-termios.h>
#include <rtems/bspIo.h>
#include <rtems/irq-extension.h>

#include <bulkhead/bulkhead.h>
#include <bulkhead/irq.h>

#include "bulkhead.h"

static struct {
    rtems_termios_device_context base;
    rtems_termios_tty *tty; /* null while the device is closed */
    const char *text;       /* what termios wants to send; it keeps it until told that it has been sent */
    size_t length;          /* 0: nothing to send */
    int sent;               /* bytes of it that are in the ring, and that termios has not been told of */
    rtems_interrupt_entry entry;
} device = {.base = RTEMS_TERMIOS_DEVICE_CONTEXT_INITIALIZER("bulkhead")};

static void look_again(void);

/* Sends what there is room for; with interrupts masked. */
static void send(void)
{
    if (device.length == 0)
        return;
    device.sent = (int)bh_console_write(device.text, device.length);
    if (device.sent == 0) {
        bulkhead_call_at_window(look_again);
        return;
    }
    device.length = 0;
    (void)bh_irq_raise(BH_LINE_CONSOLE);
}

/* Hands over what has been typed. More than termios has room for stays in the ring: termios would drop it. */
static void receive(void)
{
    char text[64];
    for (;;) {
        unsigned size = device.tty->rawInBuf.Size;
        unsigned room = (device.tty->rawInBuf.Head + size - device.tty->rawInBuf.Tail - 1) % size;
        if (room == 0) {
            bulkhead_call_at_window(look_again);
            return;
        }
        size_t length = bh_console_read(text, room < sizeof text ? room : sizeof text);
        if (length == 0)
            return;
        (void)rtems_termios_enqueue_raw_characters(device.tty, text, (int)length);
    }
}

static void interrupt(void *argument)
{
    (void)argument;
    int sent = device.sent;
    device.sent = 0;
    if (sent != 0)
        (void)rtems_termios_dequeue_characters(device.tty, sent);
    receive();
}

static void look_again(void)
{
    if (!device.tty)
        return;
    send();
    receive();
}

static bool open_device(rtems_termios_tty *tty, rtems_termios_device_context *context, struct termios *settings,
                        rtems_libio_open_close_args_t *arguments)
{
    (void)context, (void)settings, (void)arguments;
    /* The default settings are those of a terminal whose reader waits for a line. Termios itself would make the reader wait only
     * from the first tcsetattr on. */
    tty->rawInBufSemaphoreWait = true;
    device.tty = tty;
    device.length = 0;
    device.sent = 0;
    rtems_interrupt_entry_initialize(&device.entry, interrupt, NULL, "console");
    if (rtems_interrupt_entry_install(BH_LINE_CONSOLE, RTEMS_INTERRUPT_SHARED, &device.entry) != RTEMS_SUCCESSFUL) {
        device.tty = NULL;
        return false;
    }
    /* For what was typed before. */
    (void)bh_irq_raise(BH_LINE_CONSOLE);
    return true;
}

static void close_device(rtems_termios_tty *tty, rtems_termios_device_context *context,
                         rtems_libio_open_close_args_t *arguments)
{
    (void)tty, (void)context, (void)arguments;
    (void)rtems_interrupt_entry_remove(BH_LINE_CONSOLE, &device.entry);
    device.tty = NULL;
}

/* Called with interrupts masked. */
static void write_device(rtems_termios_device_context *context, const char *text, size_t length)
{
    (void)context;
    device.text = text;
    device.length = length;
    send();
}

/* There is no line whose speed or parity could be set. */
static bool set_attributes(rtems_termios_device_context *context, const struct termios *settings)
{
    (void)context, (void)settings;
    return true;
}

static const rtems_termios_device_handler handler = {
    .first_open = open_device,
    .last_close = close_device,
    .write = write_device,
    .set_attributes = set_attributes,
    .mode = TERMIOS_IRQ_DRIVEN,
};

const console_device console_device_table[] = {{
    .device_file = "/dev/ttyS0",
    .probe = console_device_probe_default,
    .handler = &handler,
    .context = &device.base,
}};
const size_t console_device_count = 1;

static int poll_character(void)
{
    unsigned char character;
    return bh_console_read(&character, 1) == 1 ? character : -1;
}

static void output_character(char character)
{
    bh_print_bytes(&character, 1);
}

BSP_output_char_function_type BSP_output_char = output_character;
BSP_polling_getchar_function_type BSP_poll_char = poll_character;
