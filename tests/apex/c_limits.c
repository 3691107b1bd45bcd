/* The limits of the configuration: every CREATE service says INVALID_CONFIG when they are reached. */
#include "conform.h"

static void nothing(void)
{
}

/* A name of its own for everything. */
static const char *name_of(int number)
{
    static char name[MAX_NAME_LENGTH];
    name[0] = 'n';
    for (int i = 4; i > 0; i--, number /= 10)
        name[i] = (char)('0' + number % 10);
    return name;
}

/* Creates until it is refused, and counts what was created. */
#define FILL(SERVICE, LIMIT, ...)                                                   \
    do {                                                                            \
        RETURN_CODE_TYPE code_ = NO_ERROR;                                          \
        int created_ = 0;                                                           \
        while (code_ == NO_ERROR && created_ < 5000) {                              \
            const char *name = name_of(created_);                                   \
            SERVICE(name, __VA_ARGS__, &code_);                                     \
            created_ += code_ == NO_ERROR;                                          \
        }                                                                           \
        GOT(INVALID_CONFIG, code_, "limit reached", SERVICE);                       \
        SHOWS(SERVICE, "as many as the configuration says", created_ == (LIMIT));   \
    } while (0)

static void create_process(const char *name, PROCESS_ID_TYPE *id, RETURN_CODE_TYPE *code)
{
    PROCESS_ATTRIBUTE_TYPE a = attributes(name, nothing, 20);
    CREATE_PROCESS(&a, id, code);
}

int main(void)
{
    APEX_INTEGER id;
    RETURN_CODE_TYPE code = NO_ERROR;
    int created = 0;
    while (code == NO_ERROR && created < 5000) {
        create_process(name_of(created), &id, &code);
        created += code == NO_ERROR;
    }
    GOT(INVALID_CONFIG, code, "limit reached", CREATE_PROCESS);
    SHOWS(CREATE_PROCESS, "as many as the configuration says", created == 3);
    FILL(CREATE_BUFFER, 2, 16, 2, FIFO, &id);
    FILL(CREATE_BLACKBOARD, 3, 16, &id);
    FILL(CREATE_SEMAPHORE, 4, 0, 1, FIFO, &id);
    FILL(CREATE_EVENT, 5, &id);
    FILL(CREATE_MUTEX, 6, 20, FIFO, &id);
    finish();
}
