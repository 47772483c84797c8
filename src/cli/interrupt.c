#include "cli/interrupt.h"

#include <signal.h>

static se_cancel *cancel;

static void on_signal(int signal_number)
{
    (void)signal_number;
    se_cancel_set(cancel);
}

const se_cancel *interrupt_watch(se_error *err)
{
    if (!cancel && se_cancel_new(&cancel, err) != SE_OK)
        return NULL;
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return cancel;
}
