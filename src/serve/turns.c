#include "serve/turns.h"

#include <stdlib.h>
#include <string.h>

struct turns_client {
    char name[WORK_CLIENT_SIZE];
    struct work *first, *last; /* never empty */
    struct turns_client *next;
};

int turns_add(struct turns *turns, struct work *work, se_error *err)
{
    struct turns_client *client = turns->first;
    while (client && strcmp(client->name, work->client) != 0)
        client = client->next;
    work->next_of_client = NULL;
    if (client) {
        client->last->next_of_client = work;
        client->last = work;
        return SE_OK;
    }
    client = calloc(1, sizeof(*client));
    if (!client)
        return se_fail_memory(err, "a client", sizeof(*client));
    memcpy(client->name, work->client, sizeof(client->name));
    client->first = client->last = work;
    if (turns->last)
        turns->last->next = client;
    else
        turns->first = client;
    turns->last = client;
    return SE_OK;
}

static void take_first_client(struct turns *turns)
{
    turns->first = turns->first->next;
    if (!turns->first)
        turns->last = NULL;
}

struct work *turns_next(struct turns *turns, size_t *index)
{
    struct turns_client *client = turns->first;
    if (!client)
        return NULL;
    struct work *work = client->first;
    *index = work->given++;
    if (work->given == work->count) {
        client->first = work->next_of_client;
        if (!client->first) {
            take_first_client(turns);
            free(client);
            return work;
        }
    }
    if (client != turns->last) {
        take_first_client(turns);
        client->next = NULL;
        turns->last->next = client;
        turns->last = client;
    }
    return work;
}

/* Takes `work` out of the client's list; false when it is not there. */
static bool client_remove(struct turns_client *client, const struct work *work)
{
    struct work *before = NULL;
    for (struct work *one = client->first; one; before = one, one = one->next_of_client) {
        if (one != work)
            continue;
        if (before)
            before->next_of_client = one->next_of_client;
        else
            client->first = one->next_of_client;
        if (client->last == one)
            client->last = before;
        return true;
    }
    return false;
}

void turns_remove(struct turns *turns, struct work *work)
{
    struct turns_client *before = NULL;
    for (struct turns_client *client = turns->first; client;
         before = client, client = client->next) {
        if (!client_remove(client, work))
            continue;
        if (client->first)
            return;
        if (before)
            before->next = client->next;
        else
            turns->first = client->next;
        if (turns->last == client)
            turns->last = before;
        free(client);
        return;
    }
}

void turns_free(struct turns *turns)
{
    while (turns->first) {
        struct turns_client *client = turns->first;
        take_first_client(turns);
        free(client);
    }
}
