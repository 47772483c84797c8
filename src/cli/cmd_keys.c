/*
 * serialeye keys: the API keys of the service.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "cli/setting_options.h"
#include "cli/text.h"

#ifdef SE_HAVE_SERVE
#include "serve/keys.h"
#include "serve/places.h"
#include "serve/store.h"
#endif

static const char usage[] =
    "usage: serialeye keys add [--scope SCOPE] [--rate N] NAME\n"
    "       serialeye keys list [--json]\n"
    "       serialeye keys remove NAME\n\n"
    "Keys for clients of \"serialeye serve\" on other machines. A service that runs sees a change\n"
    "within a second; it must have the same settings \"keys\" and \"store\".\n\n"
    "add     makes a key and prints it. It is shown this once: only its SHA-256 is kept\n"
    "list    prints name, scope, requests a minute and when it was made\n"
    "remove  makes it invalid\n\n"
    "  --scope SCOPE     read: send pictures, get readings; jobs: also jobs, what was read "
    "before,\n"
    "                    corrections, tables (the default); admin: also settings\n"
    "  --rate N          requests a minute; 0, the default: no limit\n"
    "  --json            list: one JSON object\n"
    "  --config FILE     settings from an INI file\n"
    "  --set NAME=VALUE  any setting\n"
    "  -h, --help        print this\n\n"
    "  curl -H \"Authorization: Bearer KEY\" --data-binary @photo.jpg http://HOST:8000/v1/read\n";

struct keys_request {
    const char *action, *name; /* name: NULL when none was given */
    const char *scope, *rate;
    bool json;
};

#ifdef SE_HAVE_SERVE

static int add(const struct keys_request *request, const char *path)
{
    struct key wish = {.scope = ACCESS_JOBS};
    char secret[KEY_SECRET_SIZE];
    se_error err;
    if (!key_name_is_valid(request->name))
        return cli_misuse(&command_keys, "a name takes 1 to %d letters, digits, and any of ._-",
                          KEY_NAME_SIZE - 1);
    snprintf(wish.name, sizeof(wish.name), "%s", request->name);
    if (request->scope && (wish.scope = key_scope(request->scope)) == ACCESS_OPEN)
        return cli_misuse(&command_keys, "\"%s\" is none of read, jobs, admin", request->scope);
    if (request->rate && !key_rate(request->rate, &wish.rate))
        return cli_misuse(&command_keys, "--rate takes 0 to %d, not \"%s\"", KEY_MAX_RATE,
                          request->rate);
    if (keys_add(path, &wish, secret, &err) != SE_OK)
        return cli_fail(&err);
    puts(secret);
    return cli_flush_stdout();
}

static int remove_key(const struct keys_request *request, const char *path)
{
    bool found;
    se_error err;
    if (keys_remove(path, request->name, &found, &err) != SE_OK)
        return cli_fail(&err);
    if (found)
        return STATUS_ALL_DONE;
    fprintf(stderr, "serialeye: %s has no key \"%s\"\n", path, request->name);
    return STATUS_SOME_FAILED;
}

static int list_json(const struct key_list *list)
{
    json_t *all = json_object();
    json_t *keys = json_array();
    int failed = !keys;
    for (size_t i = 0; i < list->count; i++) {
        const struct key *key = &list->keys[i];
        failed |= json_array_append_new(keys, json_pack("{ss ss si ss}", "name", key->name, "scope",
                                                        key_scope_name(key->scope), "rate",
                                                        key->rate, "created", key->created));
    }
    failed |= json_object_set_new(all, "keys", keys);
    return text_print_json(all, failed);
}

static int list(const struct keys_request *request, const char *path)
{
    struct key_list keys;
    se_error err;
    if (keys_read(&keys, path, &err) != SE_OK)
        return cli_fail(&err);
    int status;
    if (request->json) {
        status = list_json(&keys);
    } else {
        for (size_t i = 0; i < keys.count; i++) {
            const struct key *key = &keys.keys[i];
            printf("%-*s  %-5s  %7d  %s\n", KEY_NAME_SIZE - 1, key->name,
                   key_scope_name(key->scope), key->rate, key->created);
        }
        status = cli_flush_stdout();
    }
    keys_free(&keys);
    return status;
}

static int act(const struct keys_request *request, const se_settings *settings)
{
    static const struct {
        const char *name;
        bool named, makes;
        int (*run)(const struct keys_request *request, const char *path);
    } actions[] = {{"add", true, true, add},
                   {"list", false, false, list},
                   {"remove", true, false, remove_key}};
    char path[PLACE_SIZE];
    se_error err;
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (strcmp(actions[i].name, request->action) != 0)
            continue;
        if (actions[i].named != (request->name != NULL))
            return cli_misuse(&command_keys,
                              actions[i].named ? "%s takes a name" : "%s takes no name",
                              request->action);
        if (!actions[i].makes && (request->scope || request->rate))
            return cli_misuse(&command_keys, "--scope and --rate are for add");
        const char *store = se_settings_get(settings, "store");
        if (place_of_keys(se_settings_get(settings, "keys"), store_is_server(store) ? "" : store,
                          path, &err) != SE_OK)
            return cli_fail(&err);
        return actions[i].run(request, path);
    }
    return cli_misuse(&command_keys, "\"%s\" is none of add, list, remove", request->action);
}

#else

static int act(const struct keys_request *request, const se_settings *settings)
{
    (void)request;
    (void)settings;
    fputs("serialeye: this build has no service and so no keys\n", stderr);
    return STATUS_WRONG_USE;
}

#endif

static int run(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"scope", required_argument, NULL, 's'},
        {"rate", required_argument, NULL, 'r'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        SETTING_OPTIONS,
        {NULL, 0, NULL, 0},
    };
    struct keys_request request = {.json = false};
    struct setting_options options;
    se_error err;
    if (setting_options_init(&options, argc, &err) != SE_OK)
        return cli_fail(&err);
    int option, status = -1;
    while (status < 0 && (option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        if (option == 's')
            request.scope = optarg;
        else if (option == 'r')
            request.rate = optarg;
        else if (option == 'j')
            request.json = true;
        else
            status = setting_options_take(&options, &command_keys, NULL, option, optarg);
    }
    const int words = argc - optind;
    if (status < 0 && (words < 1 || words > 2))
        status = cli_misuse(&command_keys, "takes add NAME, list, or remove NAME");
    se_settings *settings = NULL;
    if (status < 0 && setting_options_apply(&options, &settings, &err) != SE_OK)
        status = cli_fail(&err);
    if (status < 0) {
        request.action = argv[optind];
        request.name = words > 1 ? argv[optind + 1] : NULL;
        status = act(&request, settings);
    }
    se_settings_free(settings);
    setting_options_free(&options);
    return status;
}

const struct command command_keys = {"keys", "makes and removes API keys of the service", usage,
                                     run};
