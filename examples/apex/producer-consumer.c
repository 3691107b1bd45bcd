/* Producer and consumer: a buffer of three messages between two processes. The producer is faster, so that it comes to
 * wait for room; nothing is lost.
 *
 *     bulkhead run examples/apex/producer-consumer.elf
 */
#include "example.h"

enum { ITEMS = 10 };

static BUFFER_ID_TYPE buffer;

static void produce(void)
{
    for (int item = 1; item <= ITEMS; item++) {
        BUFFER_STATUS_TYPE status;
        CALL(GET_BUFFER_STATUS, buffer, &status);
        bh_printf("producer: item %d%s\n", item, status.NB_MESSAGE == status.MAX_NB_MESSAGE ? ", waits for room" : "");
        CALL(SEND_BUFFER, buffer, (MESSAGE_ADDR_TYPE)&item, sizeof item, FOREVER);
    }
}

static void consume(void)
{
    int item = 0;
    while (item < ITEMS) {
        MESSAGE_SIZE_TYPE length;
        CALL(RECEIVE_BUFFER, buffer, FOREVER, (MESSAGE_ADDR_TYPE)&item, &length);
        bh_printf("consumer: item %d\n", item);
        CALL(TIMED_WAIT, 20 * MS);
    }
    bh_halt(0);
}

int main(void)
{
    CALL(CREATE_BUFFER, "items", sizeof(int), 3, FIFO, &buffer);
    process("producer", produce, 20, FOREVER);
    process("consumer", consume, 30, FOREVER);
    return begin();
}
